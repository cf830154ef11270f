"""The strategy `by-factor`: a bandit rule for each factor of a space, over its levels."""
