"""What a caller would have waited for, had parts of the pipeline been faster or slower."""
