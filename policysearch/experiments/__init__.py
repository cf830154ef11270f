"""Experiments of one shape: search, recording, comparison, calibration and evaluation on one session."""
