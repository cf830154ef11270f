"""Pruners: which children are stopped at a checkpoint because they look hopeless."""
