"""A client of the service, for programs and for `policysearch remote`."""
