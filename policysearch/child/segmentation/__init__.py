"""Children that learn the class of every pixel of an image."""
