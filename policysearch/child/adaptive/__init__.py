"""Magnitudes that the network gives while it trains: the rules of adaptive policies at work."""
