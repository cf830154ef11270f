"""The files of a test-time policy, besides tta.json: its page and picture, and the policies for other programs."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

from policysearch.core.errors import in_one_line
from policysearch.core.files import write_whole
from policysearch.experiments.tta.plot import write_plot
from policysearch.experiments.tta.report import PAGE, PICTURE, TEXT, write_page, write_text
from policysearch.experiments.tta.summary import Summary
from policysearch.experiments.tta.ways import LEARNED
from policysearch.export.views_to_torchvision import write
from policysearch.policy.tta import TtaPolicy

_LEARNED, _CLASSIC = "learned_views", "classic_views"


def write_files(result: Summary, policies: Mapping[str, TtaPolicy], best: str, folder: Path) -> None:
    """Write the learned views and the best classic ones as JSON and for torchvision, then picture, text and page.

    Args:
        result: what is reported.
        policies: those that can be exported, by name.
        best: the name of the best classic one.
        folder: where.
    """
    for name, stem in ((LEARNED, _LEARNED), (best, _CLASSIC)):
        if name in policies:
            policies[name].save(folder / f"{stem}.json")
            write_whole(folder / f"{stem}.py", write(policies[name], stem))
    write_text(result, folder / TEXT)
    try:
        write_plot(result, folder / PICTURE)
        write_page(result, folder, folder / PAGE)
    except Exception as error:
        reason = in_one_line(error)
        warnings.warn(f"the search is complete, but its page could not be made: {reason}", stacklevel=4)
