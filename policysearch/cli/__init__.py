"""The command line: one module per family of commands. Importing it imports neither torch nor Optuna nor Ray."""

from policysearch.cli.entry_point import app, main

__all__ = ["app", "main"]
