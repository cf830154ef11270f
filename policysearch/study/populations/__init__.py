"""Populations: children that train together, whose policies change as they train."""
