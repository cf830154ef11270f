"""Evaluation: a policy beside the fixed ones on the test part, the one room where that is read."""
