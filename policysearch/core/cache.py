"""Where the program keeps what it can make again."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """The folder of caches: POLICYSEARCH_CACHE, or the system's folder for a user's caches; it may not exist yet."""
    return Path(os.environ.get("POLICYSEARCH_CACHE") or platformdirs.user_cache_path("policysearch"))
