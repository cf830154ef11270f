"""Data sets of images with masks: the class of every pixel."""
