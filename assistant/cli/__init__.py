"""The command line: translates between a terminal and the façade."""

from assistant.cli import ingestion, library  # they add their commands to the group
from assistant.cli.commands import main

__all__ = ["ingestion", "library", "main"]
