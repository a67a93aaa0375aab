"""Every neural model and language model."""
