"""Articles come into the corpus and its index: added, synced, watched, corrected, moved."""
