"""Modules under the names of 0.1, found through `policysearch.__path__`. To be removed in 0.3."""
