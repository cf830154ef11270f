"""What a run came to, read from its record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from policysearch.config import SearchConfig, load_config
from policysearch.own_code import import_all
from policysearch.policy import Policy
from policysearch.presets import BASELINES
from policysearch.record import Record
from policysearch.report import final_policy
from policysearch.reporting.background import noted
from policysearch.reporting.material import Material
from policysearch.run_folder import RunFolder
from policysearch.spaces import Space, load_space
from policysearch.studies import open_records
from policysearch.summary import ArmSummary, finalists, summarise
from policysearch.verdict import Confirmation, Verdict, judge

if TYPE_CHECKING:
    import optuna

__all__ = [
    "SearchResult",
    "material_of",
    "note_references",
    "read",
    "read_whole",
    "references",
    "result_of",
    "saved_space",
]

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
def _opened(path: str | Path) -> Iterator[tuple[SearchConfig, RunFolder, dict[str, Record]]]:
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


def material_of(config: SearchConfig, folder: RunFolder, records: dict[str, Record]) -> Material:
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


def result_of(config: SearchConfig, folder: RunFolder, records: dict[str, Record]) -> SearchResult:
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
