"""The command line."""

from assistant.cli.commands import main

__all__ = ["main"]
