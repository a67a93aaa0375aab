"""Words, sentences, names, quantities, speech: pure functions of text."""
