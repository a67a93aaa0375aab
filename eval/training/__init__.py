"""Training of the reader: `python -m eval.training --help`."""
