"""What ends an experiment that is to rest."""

from __future__ import annotations


class Stopped(Exception):
    """A stop was wanted: the pulls in flight have ended, and no other is begun."""
