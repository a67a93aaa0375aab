"""A whole corpus with its index in one file, to move it to another folder or machine."""
