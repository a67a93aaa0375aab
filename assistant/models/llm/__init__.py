"""Language models: what is said to them, how they are heard, and what goes wrong."""
