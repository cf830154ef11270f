"""Labelled images: where they can come from, how they are decoded once, and the fixed split of them."""
