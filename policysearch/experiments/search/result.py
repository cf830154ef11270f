"""What a run came to, read from its store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from policysearch.core.command import command
from policysearch.core.tasks import task_named
from policysearch.core.user_code import import_all
from policysearch.experiments.search.ablation import ablation, is_of_ablation
from policysearch.experiments.search.candidates import candidates, why_first
from policysearch.experiments.search.chance_level import learning
from policysearch.experiments.search.lost_checkpoints import lost_checkpoints
from policysearch.experiments.search.report.data import Material
from policysearch.experiments.search.report.provenance import class_names, noted, warnings_of
from policysearch.experiments.search.summary import ArmSummary, at_highest_fidelity, summarise
from policysearch.experiments.search.verdict import WinnerVerdict, images_of, judge_winner
from policysearch.experiments.search.winner_policy import final_policy
from policysearch.policy.policy import Policy
from policysearch.policy.space_files import load_space
from policysearch.policy.spaces import Space
from policysearch.stats.paired import PairedTest
from policysearch.study.config import SearchConfig, load_config
from policysearch.study.optuna_store import OptunaTrialStore
from policysearch.study.pinned_settings import pinned_data
from policysearch.study.rows import RUNNING
from policysearch.study.run_folder import RunFolder
from policysearch.study.sources import Confirmation
from policysearch.study.stores import open_stores

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
        warnings: what the search was warned of when it began, and whether its networks learn anything.
        ablation: what each factor adds to the winner, on replicates of its own; empty without `ablate`.
    """

    folder: Path
    config: SearchConfig
    policy: Policy | None
    summaries: list[ArmSummary]
    confirmation: list[ArmSummary]
    verdict: WinnerVerdict | None
    seconds: float
    repeated: int
    warnings: tuple[str, ...] = ()
    ablation: tuple[PairedTest, ...] = ()


def read(path: str | Path) -> SearchResult:
    """Read the result of a run, finished or not, without changing it.

    Raises:
        UserError: the folder holds no run.
    """
    with opened_run(path) as opened:
        return result_of(*opened)


def read_whole(path: str | Path) -> Material:
    """Read everything that is reported of a run, finished or not, without changing it.

    Raises:
        UserError: the folder holds no run.
    """
    return read_both(path)[1]


def read_both(path: str | Path) -> tuple[SearchResult, Material]:
    """Read the result of a run and everything that is reported of it at once, without changing it.

    Raises:
        UserError: the folder holds no run.
    """
    with opened_run(path) as (config, folder, stores):
        result = result_of(config, folder, stores)
        return result, material_of(result, folder, stores)


@contextmanager
def opened_run(path: str | Path) -> Iterator[tuple[SearchConfig, RunFolder, dict[str, OptunaTrialStore]]]:
    """The configuration, the folder and the stores of a run, open for reading.

    Raises:
        UserError: the folder holds no run.
    """
    folder = RunFolder(Path(path))
    folder.must_hold_a_run()
    config = load_config(folder.config)
    import_all(config.operations)
    with open_stores(config, folder, saved_space(config, folder), read_only=True) as stores:
        yield config, folder, stores


def saved_space(config: SearchConfig, folder: RunFolder) -> Space:
    """The space that a run was begun with."""
    space = load_space(str(folder.space), task_named(config.task).fixed)
    return Space(Path(config.space).stem, space.file, space.fixed)


def note_references(store: OptunaTrialStore) -> None:
    """Note the fixed policies that a search confirms together with its finalists."""
    store.note(_REFERENCES, list(store.space.free))


def references(store: OptunaTrialStore) -> tuple[str, ...]:
    """The fixed policies that a search confirms; those of older versions noted none, and confirmed two."""
    return tuple(store.notes.get(_REFERENCES, _ONCE))


def material_of(result: SearchResult, folder: RunFolder, stores: dict[str, OptunaTrialStore]) -> Material:
    """Everything that is reported of a run, from its result and its stores."""
    return Material(
        folder=folder.path,
        config=result.config,
        searched=stores["search"].rows,
        confirmed=stores["confirm"].rows,
        summaries=result.summaries,
        confirmation=result.confirmation,
        verdict=result.verdict,
        policy=result.policy,
        background=noted(stores["search"]),
        data=pinned_data(stores["search"]),
        space=replace(stores["search"].space),  # without the arms that it has made, which would be sent along
        space_text=folder.space.read_text(encoding="utf-8"),
        warnings=result.warnings,
        ablation=result.ablation,
        classes=class_names(stores["search"]),
        span=span_of(stores.values()),
    )


def span_of(stores: Iterable[OptunaTrialStore]) -> tuple[datetime, datetime] | None:
    """When the first trial of any store began, and when the last ended; None before one has ended."""
    trials = [trial for store in stores for trial in store.study.get_trials(deepcopy=False)]
    begins = [trial.datetime_start for trial in trials if trial.datetime_start]
    ends = [trial.datetime_complete for trial in trials if trial.datetime_complete]
    return (min(begins), max(ends)) if begins and ends else None


def result_of(config: SearchConfig, folder: RunFolder, stores: dict[str, OptunaTrialStore]) -> SearchResult:
    """What its stores say of a run."""
    store, again = stores["search"], stores["confirm"]
    summaries = summarise(store.rows)
    rows = [row for r in stores.values() for row in r.rows]
    cost = (sum(row.seconds for row in rows), sum(len(row.failures) for row in rows))
    arms = candidates(config, store.space, store.rows, summaries, references(store))
    keys = {arm.key for arm in arms}
    fresh = [row for row in again.rows if row.arm.key in keys and not is_of_ablation(row)]
    # An ablation decides nothing: what has been found is known while it runs, and where it was killed.
    confirming = [row for row in again.rows if row.state == RUNNING and not is_of_ablation(row)]
    complete = len(store.rows) >= config.trials and not store.running() and not confirming
    complete = complete and len(Confirmation(again, arms, config.confirm)) == 0
    data = noted(store).get("data", {})
    highest = at_highest_fidelity(store.rows)
    warned = warnings_of(store, config)
    lost = lost_checkpoints(rows)
    if not complete or not any(s.pulls for s in summaries):
        learned = learning(highest, data)
        so_far = (f"so far {learned.sentence}",) if learned is not None and learned.hardly else ()
        return SearchResult(
            folder.path, config, None, summaries, summarise(fresh), None, *cost, warnings=(*warned, *so_far, *lost)
        )
    verdict = judge_winner(
        arms[0],
        arms,
        fresh,
        reward=config.last_reward,
        data=data,
        searched=highest,
        why=why_first(config),
        more=command("resume", folder.path, "--confirm", str(max(2 * config.confirm, 4))),
        fixed=[*dict.fromkeys((*task_named(config.task).fixed, *references(store)))],
    )
    policy = final_policy(config, verdict, warned, class_names(store), store.space.keeps)
    taken_away = ablation(store.space, verdict.winner, again.rows, config.ablate, images_of(fresh))
    return SearchResult(
        folder.path,
        config,
        policy,
        summaries,
        summarise(fresh),
        verdict,
        *cost,
        warnings=(*warned, *lost),
        ablation=tuple(taken_away),
    )
