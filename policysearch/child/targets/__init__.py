"""Children that learn several labels per image, or numbers."""
