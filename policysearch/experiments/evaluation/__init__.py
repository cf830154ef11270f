"""Evaluation: a policy compared with fixed ones on the test part, which only this room reads."""
