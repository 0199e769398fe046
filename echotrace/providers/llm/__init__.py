"""Language models behind one Protocol: groq, ollama and a mock, and the choice among them."""
