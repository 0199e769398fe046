"""Language models behind one Protocol: groq, ollama, OpenAI-compatible servers and a mock."""
