"""Children that learn from pairs of views, without labels, and how good their features are."""
