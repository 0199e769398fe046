"""The parts of the transcription audit: words in their place, causes, what was made up."""
