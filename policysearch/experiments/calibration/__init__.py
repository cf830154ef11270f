"""Which cheap pull can be trusted: measured on the user's own data before a search."""
