"""Real modules whose definitions are put together into exported files; only what a policy needs is taken."""
