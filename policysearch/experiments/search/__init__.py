"""Searches: run, confirm the finalists, choose the final policy, report."""
