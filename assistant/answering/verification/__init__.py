"""An answer is compared with the passages that it cites."""
