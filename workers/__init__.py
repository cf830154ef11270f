"""Where children are trained: `evaluate` turns a trial into metrics, pools decide which process does it."""
