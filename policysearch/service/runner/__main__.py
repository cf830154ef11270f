"""`python -m policysearch.service.runner FOLDER ATTEMPT`: the process of one job."""

from __future__ import annotations

import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path

from policysearch.service.exit_codes import ANOTHER_HOLDS_IT, NO_FILES
from policysearch.service.runner.identity import lock, own_identity, write_identity
from policysearch.service.state_folder import JobFolder

_NICE = 5
_FIRST_TO_GO = "500\n"
"""Of a machine that has run out of memory the kernel is to take a job before the server."""


def main(folder: JobFolder, attempt: str) -> int:
    """Run one attempt of a job, or check its settings; the exit code.

    What the process is to do and whether it is the attempt that is wanted is read once the job is held.
    """
    # A parent may have it ignored, which its children inherit.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _be_modest()
    try:
        with lock(folder.lock) as held:
            if not held:
                return ANOTHER_HOLDS_IT
            write_identity(folder.runner, own_identity(attempt))

            # Only now: to load what a search needs takes seconds.
            from policysearch.service.runner.attempt import run_attempt

            return run_attempt(folder, attempt)
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        print(f"policysearch: cannot write in {folder.path}: {error.strerror or error}", file=sys.stderr)
        return NO_FILES


def _be_modest() -> None:
    """Give way to the server, in time and in memory; leave no core dump."""
    with suppress(OSError):
        os.nice(_NICE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO)


if __name__ == "__main__":
    sys.exit(main(JobFolder(Path(sys.argv[1])), sys.argv[2]))
