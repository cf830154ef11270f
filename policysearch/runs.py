"""One search from start to end: check everything, open the record, run the pool, confirm, write the files."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna

import search_spaces
from policysearch.child.data import Dataset, load, split
from policysearch.config import SearchConfig, load_config, save_config
from policysearch.controller import run
from policysearch.errors import UserError
from policysearch.policy import Policy
from policysearch.record import Record
from policysearch.report import final_policy, write_picture, write_trials
from policysearch.rewards import parse_reward
from policysearch.run_folder import RunFolder
from policysearch.spaces import Space, load_space
from policysearch.strategies import Strategy, make_strategy
from policysearch.summary import ArmSummary, finalists, summarise
from policysearch.trials import Outcome, Trial
from policysearch.verdict import Confirmation, Verdict, judge

__all__ = ["SearchFailed", "SearchResult", "Status", "default_folder", "read", "resume", "search"]


class SearchFailed(RuntimeError):
    """No pull of any arm gave a reward; the message tells the commonest error."""


@dataclass(frozen=True)
class Status:
    """How far a search is, told after every outcome.

    Attributes:
        phase: "search" or "confirm".
        done, total: trials of this phase.
        best: name of the arm with the best mean so far, and that mean, or None.
        failed: trials of this phase that ended without a reward.
    """

    phase: str
    done: int
    total: int
    best: tuple[str, float] | None
    failed: int


Listener = Callable[[Status], None]


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        folder: where its files are.
        config: the resolved configuration.
        policy: the final policy; None while a run is not finished.
        summaries: every arm of the search, best first.
        confirmation: the finalists on their fresh replicates.
        verdict: the choice and its differences to identity and TrivialAugment; None while not finished.
        seconds: worker-seconds spent, confirmation included.
    """

    folder: Path
    config: SearchConfig
    policy: Policy | None
    summaries: list[ArmSummary]
    confirmation: list[ArmSummary]
    verdict: Verdict | None
    seconds: float


@dataclass(frozen=True)
class _Run:
    """A checked configuration with all that it names."""

    config: SearchConfig
    folder: RunFolder
    space: Space
    strategy: Strategy


def search(config: SearchConfig, listener: Listener = lambda status: None) -> SearchResult:
    """Run a search and write its folder.

    Args:
        config: what to search; unset values are resolved and saved with the run.
        listener: told the `Status` after every outcome.

    Raises:
        UserError: something given is wrong; nothing has been written.
        SearchFailed: no pull gave a reward; the run's record is kept.
        KeyboardInterrupt: the record is kept, and `resume` goes on.
    """
    config = _resolved(config)
    folder = RunFolder(Path(str(config.out)))
    folder.must_be_new()
    ready = _checked(config, folder, load_space(config.space))
    storage = _shared_storage(config, folder) if config.storage else None
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make folder {folder.path}: {error.strerror}") from None
    with folder.locked():
        records = _create(ready, storage or _open_storage(config, folder))
        save_config(config, folder.config)
        return _continue(ready, records, listener)


def resume(path: str | Path, trials: int | None = None, listener: Listener = lambda status: None) -> SearchResult:
    """Continue a run after any kind of end.

    Args:
        path: the run's folder.
        trials: pulls of the search in all, if it is to go further; not fewer than before.
        listener: as for `search`.

    Raises:
        UserError: no run there, fewer trials than before, or another controller is at work on it.
    """
    folder = RunFolder(Path(path))
    folder.must_hold_a_run()
    with folder.locked():
        config = load_config(folder.config)
        if trials is not None and trials < config.trials:
            raise UserError(
                f"--trials {trials} is fewer than the {config.trials} of {folder.path}: give {config.trials} or more"
            )
        config = config.model_copy(update={"trials": trials or config.trials, "out": str(folder.path)})
        ready = _checked(config, folder, _saved_space(config, folder))
        save_config(config, folder.config)
        return _continue(ready, _records(ready), listener)


def read(path: str | Path) -> SearchResult:
    """The result of a run as it stands, finished or not, without touching it.

    Raises:
        UserError: no run there.
    """
    folder = RunFolder(Path(path))
    folder.must_hold_a_run()
    config = load_config(folder.config)
    space = _saved_space(config, folder)
    records = _records(_Run(config, folder, space, make_strategy("random", space, 0)), read_only=True)
    return _result(config, folder, records)


def _resolved(config: SearchConfig) -> SearchConfig:
    device = _device(config.device)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = config.workers
    if workers is None:
        workers = 2 if device.startswith("cuda") else min(cores, 8)
    out = config.out or default_folder()
    data = str(Path(config.data).resolve()) if config.data.endswith(".npz") else config.data
    return config.model_copy(
        update={
            "device": device,
            "workers": workers,
            "out": out,
            "data": data,
            "study": config.study or Path(out).resolve().name,
        }
    )


def default_folder() -> str:
    """Where a run goes that was given no folder."""
    return f"results/search-{time.strftime('%Y%m%d-%H%M%S')}"


def _device(name: str) -> str:
    import torch

    kind, _, index = name.partition(":")
    if name != "auto" and (kind not in ("cpu", "cuda") or (index and not index.isdigit()) or (kind == "cpu" and index)):
        raise UserError(f"device must be auto, cpu, cuda or cuda:N, got {name!r}")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return "cuda" if count else "cpu"
    if kind == "cuda" and int(index or 0) >= count:
        raise UserError(
            f"device {name!r} asked for, but this machine has {count} usable CUDA devices: use --device cpu"
        )
    return name


def _checked(config: SearchConfig, folder: RunFolder, space: Space) -> _Run:
    """Everything that can be wrong is found here, before anything is spent or written."""
    from policysearch.child.networks import dry_forward

    parse_reward(config.reward)
    strategy = make_strategy(config.strategy, space, config.seed)
    dataset = load(config.data)
    _check_sizes(config, dataset)
    dry_forward(config.model, dataset.shape, len(dataset.classes))
    return _Run(config, folder, space, strategy)


def _check_sizes(config: SearchConfig, dataset: Dataset) -> None:
    train = len(split(dataset, config.validation, config.split_seed).train)
    classes = len(dataset.classes)
    if not 2 * classes <= config.images <= train:
        raise UserError(
            f"--images must lie in [{2 * classes}, {train}] ({classes} classes, {train} training images "
            f"of {dataset.name}), got {config.images}"
        )


def _open_storage(config: SearchConfig, folder: RunFolder) -> optuna.storages.BaseStorage:
    url = config.storage or f"sqlite:///{folder.study.resolve()}"
    try:
        return optuna.storages.get_storage(url)
    except ImportError as error:
        raise UserError(f"storage {url!r} needs the package {error.name!r}: pip install {error.name}") from None
    except Exception as error:  # each database driver raises errors of its own
        raise UserError(f"cannot open storage {url!r}: {' '.join(str(error).split())[:200]}") from None


def _shared_storage(config: SearchConfig, folder: RunFolder) -> optuna.storages.BaseStorage:
    storage = _open_storage(config, folder)
    taken = {*optuna.get_all_study_names(storage)} & {*_study_names(config).values()}
    if taken:
        name = min(taken)
        raise UserError(f"storage {config.storage!r} already holds a study named {name!r}: give another --study")
    return storage


def _create(ready: _Run, storage: optuna.storages.BaseStorage) -> dict[str, Record]:
    for name in _study_names(ready.config).values():
        optuna.create_study(storage=storage, study_name=name, direction="maximize")
    space = ready.config.space
    text = search_spaces.text(space) if space in search_spaces.names() else Path(space).read_text(encoding="utf-8")
    (ready.folder.path / "space.toml").write_text(text, encoding="utf-8")
    return _open_records(ready, storage)


def _study_names(config: SearchConfig) -> dict[str, str]:
    return {"search": str(config.study), "confirm": f"{config.study}-confirm"}


def _saved_space(config: SearchConfig, folder: RunFolder) -> Space:
    space = load_space(str(folder.path / "space.toml"))
    return Space(Path(config.space).stem, space.file)


def _records(ready: _Run, read_only: bool = False) -> dict[str, Record]:
    return _open_records(ready, _open_storage(ready.config, ready.folder), read_only)


def _open_records(ready: _Run, storage: optuna.storages.BaseStorage, read_only: bool = False) -> dict[str, Record]:
    config = ready.config
    out = {}
    for phase, name in _study_names(config).items():
        try:
            study = optuna.load_study(study_name=name, storage=storage)
        except KeyError:
            if read_only:
                raise UserError(f"{ready.folder.path}: the storage holds no study {name!r} yet") from None
            study = optuna.create_study(storage=storage, study_name=name, direction="maximize")
        out[phase] = Record(
            study,
            ready.space,
            seed=config.seed,
            images=config.images,
            epochs=config.epochs,
            reward=parse_reward(config.reward),
            read_only=read_only,
        )
    return out


@dataclass(frozen=True)
class _Search:
    """The search itself as a source of trials: the strategy asks until the budget is used."""

    record: Record
    strategy: Strategy
    budget: int

    def ask(self) -> Trial | None:
        return self.strategy.ask(self.record) if len(self.record.rows) < self.budget else None

    def tell(self, trial: Trial, outcome: Outcome) -> None:
        self.record.tell(trial, outcome)

    def attempt_failed(self, trial: Trial, outcome: Outcome) -> Trial:
        return self.record.attempt_failed(trial, outcome)


def _continue(ready: _Run, records: dict[str, Record], listener: Listener) -> SearchResult:
    config, record = ready.config, records["search"]
    try:
        with _pool(config) as pool:
            source = _Search(record, ready.strategy, config.trials)
            _phase("search", source, record, pool, config, config.trials, listener)
            summaries = summarise(record.rows)
            if not any(s.pulls for s in summaries):
                raise SearchFailed(_why(record))
            again = records["confirm"]
            if config.confirm:
                tests = Confirmation(again, finalists(summaries, config.finalists), config.confirm)
                _phase("confirm", tests, again, pool, config, len(again.rows) + len(tests), listener)
    finally:
        write_trials(ready.folder.trials, records)
    write_picture(ready.folder.picture, record.rows, summaries, config.reward)
    result = _result(config, ready.folder, records)
    if result.policy is not None:
        result.policy.save(ready.folder.policy)
    return result


def _phase(
    name: str, source: Any, record: Record, pool: Any, config: SearchConfig, total: int, listener: Listener
) -> None:
    def tell() -> None:
        ended = [row for row in record.rows if row.state != "running"]
        found = record.tally.best()
        best = None if found is None else (record.policy(found[0]).name, found[1])
        listener(Status(name, len(ended), total, best, sum(row.state == "failed" for row in ended)))

    run(source, pool, record.running(), config.retries, tell)


def _why(record: Record) -> str:
    errors = [row.outcome.error for row in record.rows if row.outcome.error]
    common = max(set(errors), key=errors.count) if errors else "no trial was run"
    return f"every arm failed: {len(errors)} of {len(record.rows)} trials ended with an error, most often: {common}"


@contextmanager
def _pool(config: SearchConfig) -> Iterator[Any]:
    from workers.evaluate import ChildSetup
    from workers.in_process import InProcessPool
    from workers.local import LocalPool

    setup = ChildSetup(config.data, config.validation, config.split_seed, config.model, config.recipe, config.device)
    pool = LocalPool(setup, config.workers, config.deadline) if config.workers else InProcessPool(setup)
    try:
        yield pool
    finally:
        pool.close()


def _result(config: SearchConfig, folder: RunFolder, records: dict[str, Record]) -> SearchResult:
    record, again = records["search"], records["confirm"]
    summaries = summarise(record.rows)
    seconds = sum(row.outcome.seconds for r in records.values() for row in r.rows)
    arms = finalists(summaries, config.finalists)
    keys = {arm.key for arm in arms}
    fresh = [row for row in again.rows if row.arm.key in keys]
    complete = len(record.rows) >= config.trials and not record.running() and not again.running()
    complete = complete and len(Confirmation(again, arms, config.confirm)) == 0
    if not complete or not any(s.pulls for s in summaries):
        return SearchResult(folder.path, config, None, summaries, summarise(fresh), None, seconds)
    verdict = judge(summaries[0].arm, arms, fresh)
    policy = final_policy(config, verdict)
    return SearchResult(folder.path, config, policy, summaries, summarise(fresh), verdict, seconds)
