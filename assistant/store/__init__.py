"""Everything on disk: one SQLite file, and Chroma, which is derived from it."""
