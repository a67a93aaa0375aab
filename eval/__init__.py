"""Measures the assistant: answers against references, speed, growth; and trains its reader."""
