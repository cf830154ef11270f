"""What to do with the result: commands to copy, and the files of the run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from policysearch.core.command import command
from policysearch.experiments.search.report.data import Material
from policysearch.export.registry import EXPORTS
from policysearch.reports.html.markup import commands, download, file_link, heading, items
from policysearch.study.run_folder import RunFolder

_LIBRARY = "torchvision"
_UNCLEAR = frozenset({"leads", "tie", "fixed", "unconfirmed"})
"""Findings that more replicates may change."""


def next_steps(material: Material, place: Path | None = None) -> Iterator[str]:
    """The commands that come next, and links to the files.

    Args:
        material: the search.
        place: the folder of the page, from which its links lead; None: the run's own.
    """
    yield heading(2, "What to do next")
    yield commands([(words, line.strip("`")) for words, line in _steps(material)])
    yield items(_files(material, place))


def _steps(material: Material) -> Sequence[tuple[str, str]]:
    folder, config = material.folder, material.config
    if material.verdict is None:
        return [
            ("Go on with it:", command("resume", folder)),
            ("See how far it is:", command("show", folder)),
        ]
    others = ", ".join(name for name in EXPORTS if name != _LIBRARY)
    apart = Path(f"{folder}-evaluated")
    steps = [
        ("Compare it with the fixed policies on the test part:", command("evaluate", folder, "--out", apart)),
        (f"Train with it in your own code ({others} likewise):", command("export", folder, "--to", _LIBRARY)),
        ("See more of what it does to your images:", command("preview", folder)),
    ]
    if material.verdict.finding in _UNCLEAR:
        more = str(max(2 * config.confirm, 4))
        steps.insert(0, ("Tell the finalists apart, on more replicates:", command("resume", folder, "--confirm", more)))
    steps.append(("Search on:", command("resume", folder, "--trials", str(2 * config.trials))))
    return steps


def _files(material: Material, place: Path | None) -> Iterator[str]:
    run = RunFolder(material.folder)
    if material.policy is not None:
        saved = download(run.policy.name, "application/json", material.policy.to_json() + "\n", run.policy.name)
        yield f"{saved}: the final policy, which is within this page"
    files = {
        run.trials: "one row per trial",
        run.config: "the settings",
        run.space: "the space that it chose from",
    }
    links = ", ".join(f"{file_link(_relative(file, place), file.name)} ({words})" for file, words in files.items())
    yield f"beside it, in the run's folder: {links}"


def _relative(file: Path, place: Path | None) -> str:
    return file.name if place is None else Path(os.path.relpath(file.resolve(), place.resolve())).as_posix()
