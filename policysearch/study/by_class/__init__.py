"""The strategy `by-class`: the policy of all classes first, then parts for the classes that it harms."""
