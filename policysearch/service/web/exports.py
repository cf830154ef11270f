"""Exporting a policy for another library, in a process of its own: this one imports no torch."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from policysearch.service.state_folder import StateFolder
from policysearch.service.uploads.confinement import environment
from policysearch.service.web.problem import Problem

_SECONDS = 120.0
_AT_ONCE = threading.BoundedSemaphore(2)
_CODE_FORMATS = frozenset({"torchvision", "timm", "kornia"})


def exported(folder: StateFolder, policy: bytes, to: str, allow_loss: bool) -> tuple[str, str]:
    """A policy as a file of another library.

    Args:
        folder: the service's; the process works in a folder of its own in it, which is removed.
        policy: the policy.json of a job.
        to: the library.
        allow_loss: whether what the library cannot express may be left out.

    Returns:
        The file's name, and its text.

    Raises:
        Problem: 422, the library cannot express it, with the reason; 429, others are being exported; 504, it took too
            long.
    """
    if not _AT_ONCE.acquire(blocking=False):
        raise Problem(429, "busy", "other policies are being exported: try again", headers={"Retry-After": "5"})
    try:
        with tempfile.TemporaryDirectory(prefix="export-", dir=folder.incoming) as scratch:
            return _exported(Path(scratch), policy, to, allow_loss)
    finally:
        _AT_ONCE.release()


def _exported(scratch: Path, policy: bytes, to: str, allow_loss: bool) -> tuple[str, str]:
    name = "learned_policy.py" if to in _CODE_FORMATS else "learned_policy.json"
    (scratch / "policy.json").write_bytes(policy)
    command = [sys.executable, "-m", "policysearch", "export", "policy.json", "--to", to, "--out", name]
    command += ["--allow-loss"] * allow_loss
    try:
        process = subprocess.run(
            command,
            cwd=scratch,
            env=dict(environment(scratch)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        raise Problem(504, "too_slow", f"the export took longer than {_SECONDS:g} s") from None
    if process.returncode != 0:
        raise Problem(422, "cannot_export", _reason(process.stderr), {"to": _reason(process.stderr)})
    return name, (scratch / name).read_text(encoding="utf-8")


def _reason(stderr: str) -> str:
    """The sentence of an error, without what comes before it."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    return lines[-1].removeprefix("policysearch: ")[:600] if lines else "the policy could not be exported"
