"""What the probes of all services have in common: the series of requests, and their figures."""
