"""The audit log: one line per write, in `audit.jsonl`; no bodies, no secrets."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

_LONGEST_PATH = 200


class Audit:
    """Appends to a file that only the operator reads.

    Args:
        path: of the file; it is made with the first line.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def write(self, user: str, token_id: str, address: str, method: str, path: str, status: int) -> None:
        """Append one line.

        Raises:
            OSError: the disk is full, or the file cannot be written.
        """
        line = json.dumps(
            {
                "time": round(time.time(), 3),
                "user": user,
                "token": token_id,
                "address": address,
                "method": method,
                "path": path[:_LONGEST_PATH],
                "status": status,
            }
        )
        data = (line + "\n").encode()
        with self._lock:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(descriptor, data)
            finally:
                os.close(descriptor)
