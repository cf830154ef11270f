"""Data sets of text lines: an image and a string each."""
