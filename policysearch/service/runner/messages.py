"""Sentences of the program as users of the service read them, who do not know where its files are."""

from __future__ import annotations

import json

from policysearch.service.state_folder import JobFolder


def without_paths(text: str, folder: JobFolder) -> str:
    """The text without the paths of the job's folders; what its request named is called as it was there.

    Example:
        >>> from pathlib import Path
        >>> without_paths("cannot write /state/runs/1/run/trials.csv", JobFolder(Path("/state/runs/1")))
        'cannot write trials.csv'
    """
    for file, name in _names(folder).items():
        text = text.replace(file, name)
    for path in (folder.run, folder.path):
        text = text.replace(f"{path}/", "").replace(str(path), "the job's folder")
    return text


def _names(folder: JobFolder) -> dict[str, str]:
    """What a request called the files that its job uses, by their paths; longer paths first."""
    try:
        names = json.loads(folder.job.read_text(encoding="utf-8"))["settings"]["names"]
        return {str(path): str(names[path]) for path in sorted(names, key=len, reverse=True)}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}
