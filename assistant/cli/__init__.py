"""The command line: translates between a terminal and the façade."""

from assistant.cli import ask, ingestion, library, serve  # they add their commands to the group
from assistant.cli.commands import main

__all__ = ["ask", "ingestion", "library", "main", "serve"]
