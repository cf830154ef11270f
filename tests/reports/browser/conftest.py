"""Chromium for the tests of reports."""

from __future__ import annotations

from tests.support.chromium import browser

__all__ = ["browser"]
