"""An evaluation from its settings to its files. The only place that lets workers read the test part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policysearch.child.network_names import weights_by_name
from policysearch.core.errors import SearchFailed
from policysearch.core.settings import settings_of
from policysearch.core.tasks import NO_DATA_TITLE, task_named
from policysearch.experiments.evaluation.contenders import Contender, contenders, fixed_arms
from policysearch.experiments.evaluation.equal_cost import (
    FIRST_OF_TUNING,
    EqualCost,
    Opponents,
    equal_cost,
    with_opponents,
)
from policysearch.experiments.evaluation.files import write_evaluation
from policysearch.experiments.evaluation.ledger import Looks
from policysearch.experiments.evaluation.metrics import Measured, measured
from policysearch.experiments.evaluation.pinned import enter_in_ledgers, mark, pin_evaluation
from policysearch.experiments.evaluation.prepare import Prepared, prepare
from policysearch.experiments.evaluation.report import write_page
from policysearch.experiments.evaluation.settings import FREE, GRID, EvaluateSettings
from policysearch.experiments.evaluation.statistics import best_fixed
from policysearch.experiments.evaluation.summary import Summary, summary
from policysearch.experiments.evaluation.validation_choice import ValidationChoice, survivors, validation_choice
from policysearch.experiments.progress import Listener
from policysearch.experiments.session import Session
from policysearch.policy.space_files import load_space
from policysearch.policy.spaces import Arm
from policysearch.stats.class_effects import ClassShares
from policysearch.study.class_counts import class_metric, class_shares
from policysearch.study.rows import COMPLETE, Row, most_common_error
from policysearch.study.sources import Confirmation
from policysearch.study.trial_store import TrialStore
from policysearch.study.tuning import rounds

_FIRST, _FIRST_OF_GRID, _FIRST_OF_FREE = 2_000_000, 3_000_000, 6_000_000
"""Replicates are counted from here: none was seen by a search, or by another choice."""


@dataclass(frozen=True)
class Evaluated:
    """The result of an evaluation: the folder of its files, and their content."""

    folder: Path
    summary: Summary


def evaluate(
    policy: str | Path,
    settings: EvaluateSettings,
    values: Mapping[str, Any],
    *,
    command: str = "",
    listener: Listener = lambda status: None,
) -> Evaluated:
    """Train a policy and fixed ones on common replicates, judge all networks on the test part, write the files.

    The workers read the test part once per network, and each evaluation that does so is entered in a ledger: in its
    own folder, and in that of the search that found the policy. The same call again continues, or returns the result.

    Args:
        policy: a policy file, a preset's name, or the folder of a finished search.
        settings: what it is compared with.
        values: settings of `SearchConfig` that differ from the defaults (from those of the search, if a folder is
            given); `out` is needed; without `images` the whole training side is trained on.
        command: what was typed, for the ledger.
        listener: called with the progress.

    Raises:
        UserError: a setting or the policy is wrong, or differs from what the folder's evaluation began with.
        SearchFailed: no training of the policy ended well; the trials are kept.
        KeyboardInterrupt: the trials are kept, and the same call continues.

    Example:
        >>> from policysearch import EvaluateSettings, evaluate
        >>> done = evaluate("results/mine", EvaluateSettings(seeds=5), {"out": "results/mine-test"})  # doctest: +SKIP
        >>> print(done.summary.verdict.sentence)  # doctest: +SKIP
    """
    prepared = prepare(str(policy), settings, values, listener)
    with Session(prepared.config, listener, "the same command") as session:
        session.lock()
        if prepared.new:
            session.folder.must_be_new()
            mark(session.folder, str(policy), prepared.settings)
        if not session.folder.config.exists():
            session.keep_settings()
        config = session.config
        opponents = Opponents(session.stores, config.recipe, config.seed, prepared.members)
        space = load_space(prepared.config.space, task_named(prepared.config.task).fixed)
        session.open_stores(space, new=prepared.new, phases=prepared.phases, tasks=opponents.tasks)
        pin_evaluation(session.stores["evaluate"], prepared)
        return _run(_Evaluation(prepared, session, opponents, command))


@dataclass(frozen=True)
class _Evaluation:
    """One evaluation at work."""

    prepared: Prepared
    session: Session
    opponents: Opponents
    command: str


def _run(work: _Evaluation) -> Evaluated:
    folder, store = work.session.folder, work.session.stores["evaluate"]
    work.session.write_trials()
    try:
        choices = {GRID: _train_grid(work), FREE: _train_free(work)}
        compared = contenders(work.prepared.entrant.arm, _fixed(work, choices), work.prepared.also)
        reads = _train_and_test(work, compared)
        _must_have_succeeded(compared[0], store.rows)
        networks = measured(compared, store.rows, work.prepared.settings.seeds, _FIRST, work.session.config.task)
        equal, networks = _train_opponents(work, networks, compared)
    finally:
        work.session.write_trials()

    classes = _classes(work, compared)
    result = summary(networks, compared, reads, choices, _about(work, compared, equal), equal, classes)
    write_evaluation(result, folder.path)
    write_page(result, folder.path, folder.path / "evaluation.html")
    return Evaluated(folder.path, result)


def _classes(work: _Evaluation, compared: Sequence[Contender]) -> ClassShares | None:
    """Every class's accuracy or IoU on the replicates that all policies finished; None where there are no classes."""
    names = {contender.arm.key: contender.name for contender in compared}
    rows, dataset = work.session.stores["evaluate"].rows, work.prepared.dataset
    metric = class_metric(work.prepared.config.task, "test_")
    return class_shares(rows, names, dataset.mask_classes or dataset.classes, metric)


def _must_have_succeeded(policy: Contender, trials: Sequence[Row]) -> None:
    rows = [row for row in trials if row.arm.key == policy.arm.key]
    if not any(row.state == COMPLETE for row in rows):
        error, _ = most_common_error(rows)
        raise SearchFailed(f"no training with {policy.name} ended well, most often: {error}")


def _fixed(work: _Evaluation, choices: Mapping[str, ValidationChoice | None]) -> list[Arm]:
    """The presets that were named, and what was chosen on validation where it is another policy."""
    chosen = [choice.arm(title) for title, choice in choices.items() if choice]
    return [*fixed_arms(work.prepared.settings.fixed), *(arm for arm in chosen if arm)]


def _train_grid(work: _Evaluation) -> ValidationChoice | None:
    """Train RandAugment's grid, judged on validation; None without a grid."""
    settings, store = work.prepared.settings, work.session.stores["grid"]
    if not settings.grid:
        return None
    source = Confirmation(store, fixed_arms(settings.grid), settings.grid_seeds, _FIRST_OF_GRID)
    _train(work, "grid", source, test=False)
    return validation_choice(settings.grid, _on(store, _FIRST_OF_GRID, settings.grid_seeds))


def _train_free(work: _Evaluation) -> ValidationChoice | None:
    """Train every free policy once, and the best quarter on; None where the best of them is not asked for.

    They are judged on validation, by replicates that the grid does not have.
    """
    settings, store = work.prepared.settings, work.session.stores["grid"]
    if not settings.free:
        return None
    _train(work, "grid", Confirmation(store, fixed_arms(settings.free), 1, _FIRST_OF_FREE), test=False)
    best = survivors(settings.free, store.rows, _FIRST_OF_FREE)
    _train(work, "grid", Confirmation(store, fixed_arms(best), settings.grid_seeds, _FIRST_OF_FREE + 1), test=False)
    return validation_choice(settings.free, _on(store, _FIRST_OF_FREE, 1 + settings.grid_seeds))


def _on(store: TrialStore, first: int, count: int) -> list[Row]:
    """The trials on some replicates."""
    return [row for row in store.rows if first <= row.replicate < first + count]


def _train_and_test(work: _Evaluation, compared: Sequence[Contender]) -> Looks:
    """Enter the evaluation in the ledgers; then train every policy and judge it on the test part."""
    store, arms = work.session.stores["evaluate"], [contender.arm for contender in compared]
    reads = enter_in_ledgers(store, work.prepared, compared, work.command)
    _train(work, "evaluate", Confirmation(store, arms, work.prepared.settings.seeds, _FIRST), test=True)
    return reads


def _train_opponents(
    work: _Evaluation, networks: Measured, compared: Sequence[Contender]
) -> tuple[EqualCost | None, Measured]:
    """Spend what the search cost under the best fixed policy, where that is wanted and one has finished."""
    prepared, best = work.prepared, best_fixed(networks)
    if not prepared.trainings or best is None:
        return None, networks
    (arm,) = [contender.arm for contender in compared if contender.name == best]
    seeds, stores = prepared.settings.seeds, work.session.stores
    _train(work, "ensemble", Confirmation(stores["ensemble"], [arm], seeds, _FIRST), test=True)
    for part in rounds(prepared.trainings):
        source = Confirmation(stores["tuning"], [arm], len(part), FIRST_OF_TUNING + part.start)
        _train(work, "tuning", source, test=False)
    _train(work, "tuned", Confirmation(stores["tuned"], [arm], seeds, _FIRST), test=True)
    equal = equal_cost(prepared.trainings, prepared.members, best, work.opponents.chosen(arm.key))
    phases = {equal.ensemble: "ensemble", equal.tuned: "tuned"}
    rows = {name: [row for row in stores[phase].rows if row.arm.key == arm.key] for name, phase in phases.items()}
    return equal, with_opponents(networks, rows, _FIRST)


def _train(work: _Evaluation, phase: str, source: Confirmation, *, test: bool) -> None:
    """Train what a phase still lacks; a finished one needs no place and no pool."""
    store = work.session.stores[phase]
    if len(source) or store.running():
        with work.session.pool(work.prepared.dataset, test=test) as pool:
            work.session.train(phase, source, pool, len(store.rows) + len(source))


def _about(work: _Evaluation, compared: Sequence[Contender], equal: EqualCost | None) -> dict[str, Any]:
    prepared, config = work.prepared, work.prepared.config
    policies = {contender.name: {"hash": contender.arm.key, "fixed": contender.fixed} for contender in compared}
    if equal is not None:
        policies |= {name: {"hash": policies[equal.best]["hash"], "fixed": False} for name in equal.names}
    rows = [row for store in work.session.stores.values() for row in store.rows]
    return {
        "policy": compared[0].arm.policy.model_dump(mode="json", by_alias=True, exclude={"about"}),
        "policies": policies,
        "search": str(prepared.entrant.run) if prepared.entrant.run else None,
        "data": NO_DATA_TITLE if prepared.dataset.is_absent else prepared.dataset.name,
        **settings_of(config, "task", "model", "images", "epochs", "seed", "split_seed"),
        **({"model": config.train} if config.train else {}),
        **weights_by_name(config.weights),
        "recipe": {} if config.train else config.recipe.model_dump(mode="json"),
        "seeds": prepared.settings.seeds,
        "test_images": len(prepared.dataset.y_test),
        "worker_seconds": sum(row.seconds for row in rows),
        "command": work.command,
    }
