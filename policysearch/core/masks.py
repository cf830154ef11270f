"""The one number that masks of all rooms agree on."""

IGNORE = 255
"""The value in a mask of a pixel that has no class: nobody said what it shows, or augmentation hid it."""
