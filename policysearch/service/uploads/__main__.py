"""The process that checks one upload: `python -m policysearch.service.uploads FOLDER`.

FOLDER has `task.json`, which the server wrote; what came of it is in `report.json`, the last file that is written.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from policysearch.core.errors import UserError
from policysearch.core.files import write_whole
from policysearch.core.readable import readable
from policysearch.service.limits import Limits
from policysearch.service.uploads.confinement import confine

TASK, REPORT = "task.json", "report.json"


def main(folder: Path) -> None:
    """Check the upload that a folder's task names.

    Args:
        folder: of the check.
    """
    task = json.loads((folder / TASK).read_text(encoding="utf-8"))
    limits = Limits(**task["limits"])
    confine(limits, task["parent"])
    report = _report(folder, task, limits)
    write_whole(folder / REPORT, json.dumps(report))


def _report(folder: Path, task: dict[str, str], limits: Limits) -> dict[str, object]:
    # Only now, when nothing can go too far, is loaded what reads images.
    from policysearch.service.uploads.checker import Task, checked

    upload, target = Path(task["upload"]), folder / task["target"]
    try:
        summary = checked(Task(upload, task["format"], task["name"], target, folder / task["sheet"]), limits)
    except UserError as error:
        return {"sentence": readable(str(error))}
    except MemoryError:
        return {"sentence": f"to check it takes more than {limits.checker_bytes:,} bytes of memory: send fewer images"}
    except RecursionError:
        return {"sentence": "it is nested deeper than any data"}
    except OSError as error:
        return {"sentence": f"it cannot be unpacked on the server: {error.strerror or error}"}
    return {"sentence": "", "summary": summary}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
