"""Measuring the assistant: fits, benchmarks and, later, evaluation against reference answers."""
