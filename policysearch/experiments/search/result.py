"""What a run came to, read from its record."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from policysearch.core.user_code import import_all
from policysearch.core.version import __version__
from policysearch.experiments.search.report.data import Material
from policysearch.experiments.search.report.provenance import noted
from policysearch.experiments.search.summary import ArmSummary, finalists, summarise
from policysearch.experiments.search.verdict import Verdict, judge
from policysearch.policy.policy import Policy
from policysearch.policy.presets import BASELINES
from policysearch.policy.spaces import Space, load_space
from policysearch.study.config import SearchConfig, load_config
from policysearch.study.optuna_store import OptunaTrialStore
from policysearch.study.phases import open_records
from policysearch.study.run_folder import RunFolder
from policysearch.study.sources import Confirmation

if TYPE_CHECKING:
    import optuna

_REFERENCES = "references"
_ONCE = ("identity", "trivialaugment-wide")


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        folder: where its files are.
        config: the resolved configuration.
        policy: the final policy; None while a run is not finished.
        summaries: every arm of the search, best first.
        confirmation: the finalists on their fresh replicates.
        verdict: the choice and its differences to the fixed policies; None while not finished.
        seconds: worker-seconds spent, confirmation included.
        repeated: attempts that failed and were made again; trials.csv says why.
    """

    folder: Path
    config: SearchConfig
    policy: Policy | None
    summaries: list[ArmSummary]
    confirmation: list[ArmSummary]
    verdict: Verdict | None
    seconds: float
    repeated: int


def read(path: str | Path) -> SearchResult:
    """The result of a run as it stands, finished or not, without touching it.

    Raises:
        UserError: no run there.
    """
    with _opened(path) as opened:
        return result_of(*opened)


def read_whole(path: str | Path) -> Material:
    """All that is told of a run as it stands, finished or not, without touching it.

    Raises:
        UserError: no run there.
    """
    with _opened(path) as opened:
        return material_of(*opened)


@contextmanager
def _opened(path: str | Path) -> Iterator[tuple[SearchConfig, RunFolder, dict[str, OptunaTrialStore]]]:
    folder = RunFolder(Path(path))
    folder.must_hold_a_run()
    config = load_config(folder.config)
    import_all(config.operations)
    with open_records(config, folder, saved_space(config, folder), read_only=True) as records:
        yield config, folder, records


def saved_space(config: SearchConfig, folder: RunFolder) -> Space:
    """The space that a run was begun with."""
    space = load_space(str(folder.space))
    return Space(Path(config.space).stem, space.file)


def note_references(study: optuna.Study) -> None:
    """Write down which fixed policies a search that begins confirms beside its finalists."""
    study.set_user_attr(_REFERENCES, list(BASELINES))


def references(study: optuna.Study) -> tuple[str, ...]:
    """Those that it confirms; searches of older versions did not write it down, and confirmed two."""
    return tuple(study.user_attrs.get(_REFERENCES, _ONCE))


def material_of(config: SearchConfig, folder: RunFolder, records: dict[str, OptunaTrialStore]) -> Material:
    """All that is told of a run, from its records."""
    result, study = result_of(config, folder, records), records["search"].study
    return Material(
        folder=folder.path,
        config=config,
        searched=records["search"].rows,
        confirmed=records["confirm"].rows,
        summaries=result.summaries,
        confirmation=result.confirmation,
        verdict=result.verdict,
        policy=result.policy,
        background=noted(study),
        data=str(study.user_attrs.get("settings", {}).get("data", "")),
        space=folder.space.read_text(encoding="utf-8"),
    )


def result_of(config: SearchConfig, folder: RunFolder, records: dict[str, OptunaTrialStore]) -> SearchResult:
    """What its records say of a run."""
    record, again = records["search"], records["confirm"]
    summaries = summarise(record.rows)
    rows = [row for r in records.values() for row in r.rows]
    cost = (sum(row.seconds for row in rows), sum(len(row.failures) for row in rows))
    arms = finalists(summaries, config.finalists, references(record.study))
    keys = {arm.key for arm in arms}
    fresh = [row for row in again.rows if row.arm.key in keys]
    complete = len(record.rows) >= config.trials and not record.running() and not again.running()
    complete = complete and len(Confirmation(again, arms, config.confirm)) == 0
    if not complete or not any(s.pulls for s in summaries):
        return SearchResult(folder.path, config, None, summaries, summarise(fresh), None, *cost)
    verdict = judge(summaries[0].arm, arms, fresh)
    policy = final_policy(config, verdict)
    return SearchResult(folder.path, config, policy, summaries, summarise(fresh), verdict, *cost)


def final_policy(config: SearchConfig, verdict: Verdict) -> Policy:
    """The winner with where it came from, and in `about` the loss it was trained with (None: the recipe's)."""
    differences = {
        name: {"mean": d.mean, "standard_error": None if math.isnan(d.error) else d.error, "n": d.n}
        for name, d in verdict.differences.items()
    }
    about = {
        "date": date.today().isoformat(),
        "policysearch": __version__,
        "study": config.study,
        "data": config.data,
        "model": config.model,
        "space": config.space,
        "strategy": config.strategy,
        "reward": config.reward,
        "images": config.images,
        "epochs": config.epochs,
        "confirmed_at": dict(zip(("images", "epochs"), config.last_fidelity, strict=True)),
        "confirmed_by": config.last_reward,
        "calibrated": config.calibrated,
        "seed": config.seed,
        "confirmed": verdict.confirmed,
        "paired_difference_to": differences,
        "verdict": verdict.sentence,
        "loss": verdict.winner.loss.model_dump() if verdict.winner.loss else None,
    }
    return verdict.winner.policy.model_copy(update={"name": verdict.winner.name, "about": about})
