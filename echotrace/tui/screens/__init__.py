"""One screen a file; a screen arranges widgets and holds no figures."""
