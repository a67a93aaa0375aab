"""One module per kind of file, from bytes to an article."""
