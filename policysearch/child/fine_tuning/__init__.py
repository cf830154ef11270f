"""Children that begin with weights instead of random numbers."""
