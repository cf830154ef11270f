"""A calibration from its settings to its files."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policysearch.core.errors import UserError
from policysearch.core.files import write_whole
from policysearch.core.settings import Mark
from policysearch.core.tasks import must_be_possible
from policysearch.core.user_code import import_all
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.split import split
from policysearch.experiments.calibration.advice import Advice, advise
from policysearch.experiments.calibration.analysis import REWARDS_TRIED, Analysis, analyse
from policysearch.experiments.calibration.files import TABLE, write_calibration
from policysearch.experiments.calibration.plan import Draft, drafted, fitted_to
from policysearch.experiments.calibration.settings import CalibrateSettings
from policysearch.experiments.class_checks import must_be_measured, must_suit_classes
from policysearch.experiments.forecast import Forecast, timed
from policysearch.experiments.pools import workplace
from policysearch.experiments.progress import Listener
from policysearch.experiments.resolve import must_suit, resolved
from policysearch.experiments.session_data import load_with_progress, notes_on
from policysearch.experiments.tabular.fidelity import Fidelity
from policysearch.experiments.tabular.record import Recorded, record_table
from policysearch.experiments.tabular.table_file import load_table
from policysearch.experiments.task_checks import space_must_suit_task
from policysearch.policy.space_files import load_space
from policysearch.study.config import SearchConfig, make_config
from policysearch.study.rewards import try_reward

_MARK = "plan.json"


@dataclass(frozen=True)
class Start:
    """What will be trained, as it is known before training begins.

    Attributes:
        full: all that the settings ask for.
        draft: what is trained, cut to the budget.
        forecast: of its cost; None for a calibration that is continued, which keeps its plan.
    """

    full: Draft
    draft: Draft
    forecast: Forecast | None


@dataclass(frozen=True)
class Calibrated:
    """The result of a calibration.

    Attributes:
        pulls: those recorded, and those planned; fewer are recorded where the budget was spent.
    """

    folder: Path
    analysis: Analysis
    advice: Advice
    recorded: Recorded
    pulls: tuple[int, int]


def calibrate(
    settings: CalibrateSettings,
    values: Mapping[str, Any],
    out: Path,
    *,
    listener: Listener = lambda status: None,
    tell: Callable[[Start], None] = lambda start: None,
) -> Calibrated:
    """Measure which cheap pull picks as long training does, and write the folder; or continue such a calibration.

    Args:
        settings: what to measure.
        values: settings of `SearchConfig` that differ from the defaults: data, model, space, pool and so on.
        out: the calibration's folder.
        listener: called with the progress.
        tell: called with the plan and its forecast, before training begins.

    Raises:
        UserError: a setting is wrong, or differs from those that the folder's calibration began with.
        KeyboardInterrupt: it was interrupted; the record is kept, and the same call continues.
    """
    new = _is_new(out)
    config = _config(values, out)
    rewards = _rewards(settings, config.recipe.base_epochs > 0)
    import_all(config.operations)
    dataset = load_with_progress(config, listener)
    full, notes = _full_draft(settings, config, dataset)
    if new:
        for text in notes_on(dataset, config, notes):
            warnings.warn(text, stacklevel=1)
    start = _begin(settings, config, dataset, full, out) if new else Start(full, _stored_draft(settings, out), None)
    tell(start)

    table = out / TABLE
    recorded = record_table(config, start.draft.plan(settings.budget), table, listener)
    analysis = analyse(load_table(table), rewards, seed=config.seed)
    advice = advise(analysis, settings.tolerance)
    write_calibration(analysis, advice, config, dataset, out)
    return Calibrated(out, analysis, advice, recorded, (recorded.pulls, sum(start.draft.pulls.values())))


def _rewards(settings: CalibrateSettings, base: bool) -> tuple[str, ...]:
    rewards = REWARDS_TRIED if settings.rewards is None else tuple(r.strip() for r in settings.rewards.split(","))
    for reward in rewards:
        try_reward(reward, base)
    return tuple(dict.fromkeys(rewards))


def _is_new(out: Path) -> bool:
    if (out / _MARK).exists():
        return False
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} exists and is no calibration: give another --out")
    return True


def _config(values: Mapping[str, Any], out: Path) -> SearchConfig:
    """The config of the trainings; settings that a calibration does not need have a fixed value."""
    config = make_config({**values, "out": str(out), "strategy": "random"})
    must_be_possible(config.task, "calibrate", "calibrate")
    return resolved(config)


def _full_draft(settings: CalibrateSettings, config: SearchConfig, dataset: Dataset) -> tuple[Draft, list[str]]:
    """All that the settings ask for, and warnings for the user."""
    images = len(split(dataset, config.validation, config.split_seed).train)
    space = load_space(config.space)
    space_must_suit_task(config.task, space)
    must_suit_classes(space, dataset, config.task)
    must_be_measured(space, "a calibration")
    arms = len(space.arms(config.seed))
    draft = drafted(settings, arms, images, len(dataset.classes))
    notes: list[str] = []
    for option, fidelities in (("--long", (draft.long,)), ("--ladder", draft.ladder)):
        for fidelity in fidelities:
            notes += _must_suit(option, fidelity, config, dataset)
    return draft, notes


def _must_suit(option: str, fidelity: Fidelity, config: SearchConfig, dataset: Dataset) -> tuple[str, ...]:
    try:
        return must_suit(config.model_copy(update={"images": fidelity.images, "epochs": fidelity.epochs}), dataset)
    except UserError as error:
        raise UserError(f"{option} {fidelity}: {error}") from None


def _begin(settings: CalibrateSettings, config: SearchConfig, dataset: Dataset, full: Draft, out: Path) -> Start:
    """Time one pull, cut the plan to the budget, and write the plan."""
    cheapest = min(full.ladder, key=lambda f: (f.cost, f.images))
    with workplace(config) as (placed, pool_of), pool_of(placed, dataset) as pool:
        forecast = timed(placed, pool, cheapest)
    draft = full if settings.budget is None else fitted_to(full, settings.budget, forecast.seconds)
    try:
        out.mkdir(parents=True, exist_ok=True)
        plan = {"schema": 1, "asked": settings.setting_values(Mark.FIXED), "draft": _as_json(draft)}
        write_whole(out / _MARK, json.dumps(plan, indent=1) + "\n")
    except OSError as error:
        raise UserError(f"cannot write to folder {out}: {error.strerror}: give another --out") from None
    return Start(full, draft, forecast)


def _as_json(draft: Draft) -> dict[str, Any]:
    ladder = [str(f) for f in draft.ladder]
    return {
        **{n: getattr(draft, n) for n in ("arms", "seeds", "long_seeds")},
        "ladder": ladder,
        "long": str(draft.long),
    }


def _stored_draft(settings: CalibrateSettings, out: Path) -> Draft:
    """The plan that the calibration began with, whose settings must be the same as now."""
    try:
        plan = json.loads((out / _MARK).read_text("utf-8"))
        stored, entry = plan["asked"], plan["draft"]
        ladder = tuple(Fidelity.parse(text) for text in entry["ladder"])
        long = Fidelity.parse(entry["long"])
        draft = Draft(int(entry["arms"]), ladder, long, int(entry["seeds"]), int(entry["long_seeds"]))
    except (OSError, ValueError, KeyError, TypeError, UserError):
        raise UserError(f"{out / _MARK} is damaged: put it back, or calibrate into another --out") from None
    for name, value in settings.setting_values(Mark.FIXED).items():
        if stored.get(name) != value:
            raise UserError(
                f"{out} was begun with another --{name.replace('_', '-')} ({stored.get(name) or 'the default'}): "
                "give that, or another --out"
            )
    return draft
