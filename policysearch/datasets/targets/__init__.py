"""Data sets whose images have several labels, or numbers, in place of one class."""
