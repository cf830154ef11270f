"""The report of a search as one page that needs nothing besides itself."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

from policysearch.core.files import write_whole
from policysearch.datasets.dataset import Dataset
from policysearch.experiments.search.report.arms import arms
from policysearch.experiments.search.report.classes import class_by_class
from policysearch.experiments.search.report.cost import cost, how_it_was_made
from policysearch.experiments.search.report.data import Material, must_have_a_reward
from policysearch.experiments.search.report.effects_section import factor_effects
from policysearch.experiments.search.report.gallery import gallery
from policysearch.experiments.search.report.headline import opening
from policysearch.experiments.search.report.importance_section import mattered
from policysearch.experiments.search.report.learning_curves import learning_curves
from policysearch.experiments.search.report.next_steps import next_steps
from policysearch.experiments.search.report.parameters_section import by_parameters
from policysearch.experiments.search.report.policy_section import readable_data, the_policy
from policysearch.experiments.search.report.reliability import calibration
from policysearch.experiments.search.report.timeline import over_time
from policysearch.reports.html.markup import document


def page(material: Material, data: Dataset | str, place: Path | None = None) -> str:
    """What was found first, then the policy, the search, what it cost and how it was made.

    Args:
        material: the search.
        data: for pictures of the policy; or why there are none.
        place: the folder of the page, from which its links to the run's files lead; None: the run's own.
    """
    parts = (
        opening(material),
        next_steps(material, place),
        factor_effects(material),
        the_policy(material, data),
        over_time(material),
        learning_curves(material),
        arms(material),
        mattered(material),
        by_parameters(material),
        class_by_class(material),
        gallery(material, data),
        calibration(material),
        cost(material),
        how_it_was_made(material),
    )
    return document(f"Search {material.name}", chain.from_iterable(parts))


def write_report(material: Material, path: Path, data: Dataset | None = None) -> None:
    """Write the page as UTF-8; an old file is replaced when the new one is whole.

    Args:
        material: the search.
        path: the file.
        data: the search's data, where they are at hand; else they are looked for.

    Raises:
        UserError: no pull has ended with a reward.
        OSError: it cannot be written.
    """
    must_have_a_reward(material)
    elsewhere = None if path.parent.resolve() == material.folder.resolve() else path.parent
    shown = readable_data(material) if data is None or data.is_absent else data
    write_whole(path, page(material, shown, elsewhere))
