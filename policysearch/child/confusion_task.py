"""What a worker is asked for when it measures which classes are taken for which, as a value: no torch in here."""

from __future__ import annotations

import json

_KIND = "confusion"


def confusion_task() -> str:
    """The task as one line of JSON: train, and count the mistakes on validation."""
    return json.dumps({"kind": _KIND})


def is_confusion_task(text: str) -> bool:
    """Whether a trial's task is this one.

    Example:
        >>> is_confusion_task(confusion_task()), is_confusion_task('{"kind": "variant"}')
        (True, False)
    """
    return bool(text) and json.loads(text).get("kind") == _KIND
