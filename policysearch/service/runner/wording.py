"""Sentences of the program as users of the service read them, who do not know where its files are."""

from __future__ import annotations

from policysearch.service.state_folder import JobFolder


def without_paths(text: str, folder: JobFolder) -> str:
    """The text without the paths of the job's folders.

    Example:
        >>> from pathlib import Path
        >>> without_paths("cannot write /state/runs/1/run/trials.csv", JobFolder(Path("/state/runs/1")))
        'cannot write trials.csv'
    """
    for path in (folder.run, folder.path):
        text = text.replace(f"{path}/", "").replace(str(path), "the job's folder")
    return text
