"""One file per engine behind a Protocol: speech recognition, language models, speech synthesis."""
