"""The service: jobs over HTTP, a queue over places, a live page, and nothing lost when it is killed."""
