"""Which pulls a search should buy: what a calibration found, and what is known to mislead."""
