"""From a recording on disk to 16 kHz blocks, native statistics and frame features, in one pass."""
