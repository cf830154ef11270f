"""Strategies compared: recorded tables, replayed or live runs, statistics, and a page."""
