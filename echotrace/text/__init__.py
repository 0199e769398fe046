"""Text as data: reading transcripts, normalising words, aligning them and counting the errors."""
