"""Statistics on arrays: intervals, paired comparisons, tests, ranks and shrinkage; NumPy and SciPy only."""
