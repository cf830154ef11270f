"""Policies in the form of the libraries that people train with, and policies read from theirs.

A file for each library; `templates` holds real modules whose definitions are put together into exported files.
"""
