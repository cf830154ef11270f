"""A search of a test-time policy from its settings to its files."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policysearch.child.network_names import weights_by_name
from policysearch.child.variant import Variant
from policysearch.core.errors import SearchFailed
from policysearch.core.settings import settings_of
from policysearch.experiments.progress import Listener, Status
from policysearch.experiments.session import Session
from policysearch.experiments.tta.choice import Choice, about_of, chosen, read_choice
from policysearch.experiments.tta.files import write_files
from policysearch.experiments.tta.judge import Networks
from policysearch.experiments.tta.pinned import enter_in_ledgers, fingerprint_of, mark, pin_networks
from policysearch.experiments.tta.prepare import PHASES, Prepared, prepare
from policysearch.experiments.tta.settings import TtaSettings
from policysearch.experiments.tta.summary import FILE, Summary, read_summary, summary, write_summary
from policysearch.experiments.tta.ways import LEARNED, most_draws
from policysearch.policy.space_files import load_space
from policysearch.policy.tta import TtaPolicy
from policysearch.study.optuna_store import OptunaTrialStore
from policysearch.study.rows import COMPLETE, Row, most_common_error
from policysearch.study.sources import Confirmation

_FIRST = 2_000_000
"""Replicates are counted from here, as those of an evaluation are: its networks are these."""


@dataclass(frozen=True)
class Tta:
    """The result of a search of a test-time policy.

    Attributes:
        folder: of its files.
        policy: the learned views with their temperature.
        summary: what is reported.
    """

    folder: Path
    policy: TtaPolicy
    summary: Summary


def tta(
    result: str | Path,
    settings: TtaSettings | None = None,
    values: Mapping[str, Any] | None = None,
    *,
    command: str = "",
    listener: Listener = lambda status: None,
) -> Tta:
    """Train networks under a result's policy, choose views for test time on validation, judge them on the test part.

    The views are chosen by Greedy Policy Search (Molchanov et al. 2020) and compared with classic ones and with draws
    of the training policy. The same call again continues, or returns the result. The reading of the test part is
    entered in the ledgers of the folder and of the search, as an evaluation's is.

    Args:
        result: the folder of a finished search, online search or evaluation; a policy file or a preset's name.
        settings: what views are chosen from.
        values: settings of `SearchConfig` that differ from the defaults (from those of the result, if a folder is
            given); `out` is needed; without `images` the whole training side is trained on.
        command: what was typed, for the ledger.
        listener: called with the progress.

    Raises:
        UserError: a setting, the result or the data are wrong, or differ from what the folder's search began with.
        SearchFailed: fewer than two trainings ended well; the trials are kept.
        KeyboardInterrupt: the networks are kept, and the same call continues.

    Example:
        >>> from policysearch import TtaSettings, tta
        >>> done = tta("results/mine", TtaSettings(views=5), {"out": "results/mine-tta"})  # doctest: +SKIP
        >>> print(done.summary.verdict.sentence)  # doctest: +SKIP
    """
    prepared = prepare(str(result), settings or TtaSettings(), values or {}, listener)
    with Session(prepared.config, listener, "the same command") as session:
        session.lock()
        if prepared.new:
            session.folder.must_be_new()
        mark(prepared, str(result))
        if not session.folder.config.exists():
            session.keep_settings()
        session.open_stores(
            load_space(prepared.config.space), new=prepared.new, phases=PHASES, tasks={"tta": _keep_networks(prepared)}
        )
        pin_networks(session.stores["tta"], prepared)
        return _run(_Search(prepared, session, command))


def _keep_networks(prepared: Prepared) -> Callable[[Row], str]:
    """What a training asks of its worker: to keep the network."""
    task = Variant(networks=str(prepared.folder.networks.absolute())).to_json()
    return lambda row: task


@dataclass(frozen=True)
class _Search:
    """One search at work."""

    prepared: Prepared
    session: Session
    command: str

    @property
    def store(self) -> OptunaTrialStore:
        """The record of the networks."""
        return self.session.stores["tta"]


def _run(work: _Search) -> Tta:
    rows = _trained(work)
    fingerprint = fingerprint_of(work.prepared, rows)
    folder = work.prepared.folder.path
    if (folder / FILE).exists() and read_summary(folder).fingerprint == fingerprint:
        return read_tta(folder)
    networks = Networks(work.prepared, rows, lambda text: warnings.warn(text, stacklevel=2))
    choice = read_choice(folder, fingerprint) or _choose(work, networks, fingerprint)
    choice.save(folder)  # before the test part is read: what was chosen is settled
    work.session.say(f"measuring what a prediction costs in {len(choice.ways)} ways")
    seconds = networks.seconds([way for way in choice.ways if way.kind != "prefix"])
    policies = _policies(work, choice)
    looks = enter_in_ledgers(work.store, work.prepared, choice, policies[LEARNED].hash, work.command)
    judged = networks.on_test(choice, _progress(work, "test", len(networks)))
    hashes = {name: policy.hash for name, policy in policies.items()}
    result = summary(choice, judged, seconds, looks, hashes, _cautions(work, rows), _about(work, rows))
    documents = {name: _with_verdict(policy, result) for name, policy in policies.items()}
    write_files(result, documents, choice.best, folder)
    write_summary(result, folder)
    return Tta(folder, documents[LEARNED], result)


def read_tta(folder: Path) -> Tta:
    """Read the result of a search that has ended.

    Raises:
        UserError: it has not, or its files are damaged.
    """
    return Tta(folder, TtaPolicy.load(folder / "learned_views.json"), read_summary(folder))


def _trained(work: _Search) -> list[Row]:
    """Train what is missing; the finished trainings of this many seeds, by replicate."""
    prepared, session, store = work.prepared, work.session, work.store
    arm, seeds = prepared.entrant.arm, prepared.settings.seeds
    source = Confirmation(store, [arm], seeds, _FIRST)
    session.write_trials()
    try:
        if len(source) or store.running():
            with session.pool(prepared.dataset) as pool:
                session.train("tta", source, pool, len(store.rows) + len(source))
    finally:
        session.write_trials()
    inside = [row for row in store.rows if 0 <= row.replicate - _FIRST < seeds]
    rows = sorted((row for row in inside if row.state == COMPLETE), key=lambda row: row.replicate)
    if len(rows) < 2:
        error, _ = most_common_error(inside)
        raise SearchFailed(f"{len(rows)} of {seeds} trainings ended well, and two are needed; most often: {error}")
    return rows


def _choose(work: _Search, networks: Networks, fingerprint: str) -> Choice:
    """Predict validation in every candidate view, and choose."""
    prepared, settings = work.prepared, work.prepared.settings
    of_views, of_draws = networks.on_validation(most_draws(settings.views), _progress(work, "views", len(networks)))
    work.session.say(f"choosing up to {settings.views} of {len(prepared.views)} views")
    return chosen(
        fingerprint, prepared.views, of_views, of_draws, networks.labels, settings.views, prepared.config.seed
    )


def _progress(work: _Search, phase: str, total: int) -> Callable[[int], object]:
    return lambda done: work.session.listener(Status(phase, done, total, None, 0))


def _policies(work: _Search, choice: Choice) -> dict[str, TtaPolicy]:
    """The test-time policies that are exported: the learned one, and the best classic one unless it is draws."""
    about = {"policy": work.prepared.entrant.arm.name, "data": work.prepared.dataset.name}
    names = dict.fromkeys([LEARNED, choice.best])
    return {
        name: choice.way(name).policy(choice.of(name).temperature, about_of(choice, name, about))
        for name in names
        if choice.way(name).views
    }


def _with_verdict(policy: TtaPolicy, result: Summary) -> TtaPolicy:
    tested = result.result(policy.name)
    more = {
        "test_accuracy": tested.accuracy.mean,
        "test_log_likelihood": tested.log_likelihood.mean,
        "verdict": result.verdict.sentence,
    }
    return policy.model_copy(update={"about": {**policy.about, **more}})


def _cautions(work: _Search, rows: list[Row]) -> tuple[str, ...]:
    seeds = work.prepared.settings.seeds
    failed = f"{seeds - len(rows)} of {seeds} trainings failed (trials.csv says why): their networks are missing"
    return (*([failed] if len(rows) < seeds else []), *work.prepared.notes)


def _about(work: _Search, rows: list[Row]) -> dict[str, Any]:
    prepared, config = work.prepared, work.prepared.config
    validation = int(rows[0].outcome.metrics.get("validation_images", 0))
    return {
        "policy": prepared.entrant.arm.name,
        "policy_hash": prepared.entrant.arm.policy.hash,
        "search": str(prepared.entrant.run) if prepared.entrant.run else None,
        "data": prepared.dataset.name,
        **settings_of(config, "model", "images", "epochs", "seed", "split_seed", "device"),
        **weights_by_name(config.weights),
        "networks": len(rows),
        "candidates": len(prepared.views),
        "candidates_from": prepared.settings.candidates_from,
        "most_views": prepared.settings.views,
        "validation_images": validation,
        "test_images": len(prepared.dataset.y_test),
        "worker_seconds": sum(row.seconds for row in work.store.rows),
        "command": work.command,
    }
