"""The page of one job: what it found first, then how far it is, its policies, pulls and files."""
