"""The setup wizard without its prompts: what is here, what to ask, what to check, what to write."""
