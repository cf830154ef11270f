"""The version of the program, in the one place that the package, files and reports read it from."""

__version__ = "0.1.0"
