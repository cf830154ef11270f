"""A calibration from what was given to its files."""

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
from policysearch.core.user_code import import_all
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.split import split
from policysearch.experiments.calibration.advice import Advice, advise
from policysearch.experiments.calibration.analysis import REWARDS_TRIED, Analysis, analyse
from policysearch.experiments.calibration.files import TABLE, write_calibration
from policysearch.experiments.calibration.plan import Draft, drafted, fitted_to
from policysearch.experiments.calibration.settings import CalibrateSettings
from policysearch.experiments.forecast import Forecast, timed
from policysearch.experiments.pools import workplace
from policysearch.experiments.progress import Listener
from policysearch.experiments.resolve import must_suit, resolved
from policysearch.experiments.session import load_with_progress, notes_on
from policysearch.experiments.tabular.fidelity import Fidelity
from policysearch.experiments.tabular.record import Recorded, record_table
from policysearch.experiments.tabular.table_file import load_table
from policysearch.policy.spaces import load_space
from policysearch.study.config import SearchConfig, make_config
from policysearch.study.rewards import try_reward

_MARK = "plan.json"


@dataclass(frozen=True)
class Start:
    """What is told before anything is trained in earnest.

    Attributes:
        asked: what the settings ask for.
        draft: what is trained, cut to the budget.
        forecast: of its cost; None if a calibration goes on, which keeps the plan it began with.
    """

    asked: Draft
    draft: Draft
    forecast: Forecast | None


@dataclass(frozen=True)
class Calibrated:
    """What a calibration came to.

    Attributes:
        pulls: recorded, and in all; fewer where the budget was spent.
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
    """Measure which cheap pull picks as long training does, or go on with it; write the folder.

    Args:
        settings: what is measured.
        values: settings of `SearchConfig` that differ from the defaults: data, model, space, pool and so on.
        out: the calibration's folder.
        listener: told how far it is.
        tell: told the forecast, before training begins.

    Raises:
        UserError: something given is wrong, or differs from what the folder's calibration began with.
        KeyboardInterrupt: the record is kept, and the same call goes on.
    """
    new = _is_new(out)
    config = _config(values, out)
    rewards = _rewards(settings, config.recipe.base_epochs > 0)
    import_all(config.operations)
    dataset = load_with_progress(config, listener)
    asked, notes = _asked(settings, config, dataset)
    if new:
        for text in notes_on(dataset, config, notes):
            warnings.warn(text, stacklevel=1)
    start = _begun(settings, config, dataset, asked, out) if new else Start(asked, _kept(settings, out), None)
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
    """With what a calibration does not need set to what never changes."""
    return resolved(make_config({**values, "out": str(out), "strategy": "random"}))


def _asked(settings: CalibrateSettings, config: SearchConfig, dataset: Dataset) -> tuple[Draft, list[str]]:
    """What is to be trained, and what a person should be warned of."""
    images = len(split(dataset, config.validation, config.split_seed).train)
    arms = len(load_space(config.space).arms(config.seed))
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


def _begun(settings: CalibrateSettings, config: SearchConfig, dataset: Dataset, asked: Draft, out: Path) -> Start:
    """Time one pull, cut the plan to the budget, and write it down."""
    cheapest = min(asked.ladder, key=lambda f: (f.cost, f.images))
    with workplace(config) as (placed, pool_of), pool_of(placed, dataset) as pool:
        forecast = timed(placed, pool, cheapest)
    draft = asked if settings.budget is None else fitted_to(asked, settings.budget, forecast.seconds)
    try:
        out.mkdir(parents=True, exist_ok=True)
        told = {"schema": 1, "asked": settings.setting_values(Mark.FIXED), "draft": _as_json(draft)}
        write_whole(out / _MARK, json.dumps(told, indent=1) + "\n")
    except OSError as error:
        raise UserError(f"cannot write to folder {out}: {error.strerror}: give another --out") from None
    return Start(asked, draft, forecast)


def _as_json(draft: Draft) -> dict[str, Any]:
    ladder = [str(f) for f in draft.ladder]
    return {
        **{n: getattr(draft, n) for n in ("arms", "seeds", "long_seeds")},
        "ladder": ladder,
        "long": str(draft.long),
    }


def _kept(settings: CalibrateSettings, out: Path) -> Draft:
    """The plan that the calibration began with."""
    try:
        told = json.loads((out / _MARK).read_text("utf-8"))
        begun, draft = told["asked"], told["draft"]
        ladder = tuple(Fidelity.parse(each) for each in draft["ladder"])
        long = Fidelity.parse(draft["long"])
        kept = Draft(int(draft["arms"]), ladder, long, int(draft["seeds"]), int(draft["long_seeds"]))
    except (OSError, ValueError, KeyError, TypeError, UserError):
        raise UserError(f"{out / _MARK} is damaged: put it back, or calibrate into another --out") from None
    for name, value in settings.setting_values(Mark.FIXED).items():
        if begun.get(name) != value:
            raise UserError(
                f"{out} was begun with another --{name.replace('_', '-')} ({begun.get(name) or 'the default'}): "
                "give that, or another --out"
            )
    return kept
