"""Language models: their services, prompts, streams and errors."""
