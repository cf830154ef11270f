"""Pixel kernels: one function per operation, each applied to a whole batch."""
