"""A look at the test part: what is written into ledgers before workers may read it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from policysearch.experiments.evaluation.contenders import Contender
from policysearch.experiments.evaluation.ledger import Looks, Read, hash_of_test_part, note
from policysearch.experiments.evaluation.prepare import Prepared

if TYPE_CHECKING:
    import optuna


def looked(study: optuna.Study, given: Prepared, entered: Sequence[Contender], command: str) -> Looks:
    """Note the evaluation in its folder's ledger, and in that of the search that found the policy.

    An evaluation with as many seeds as before is noted once, however often it is continued. Its name is kept in its
    study, so that it stays known where its folder is moved.
    """
    attributes = study.user_attrs
    if "evaluation" not in attributes:
        study.set_user_attr("test_part", hash_of_test_part(given.dataset))
        study.set_user_attr("evaluation", _name(given.folder.path))
        attributes = study.user_attrs
    read = Read(
        evaluation=f"{attributes['evaluation']}-{given.settings.seeds}",
        data=given.dataset.name,
        test_part=attributes["test_part"],
        images=len(given.dataset.y_test),
        policies=tuple(each.name for each in entered),
        seeds=given.settings.seeds,
        out=str(given.folder.path),
        command=command,
    )
    return note([given.folder.path, *([given.given.run] if given.given.run else [])], read)


def _name(folder: Path) -> str:
    """Another for every evaluation, in the same folder too, once it was emptied."""
    return hashlib.sha256(f"{folder.resolve()} {time.time_ns()}".encode()).hexdigest()[:12]
