"""Reading what pipelines and platforms write about a call, into one model."""
