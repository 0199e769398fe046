"""EchoTrace: the reliability profiler for voice AI."""
