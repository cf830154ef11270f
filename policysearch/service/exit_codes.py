"""Exit codes of a runner that never got to its job; a job's own end is in its exit record."""

from __future__ import annotations

NO_FILES = 74
"""Its files cannot be written."""
ANOTHER_HOLDS_IT = 75
"""Another process holds the job, or another attempt of it is wanted."""
