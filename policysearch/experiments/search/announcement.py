"""What a search says before its first pull: what it will train, how long that takes, and what makes it faster."""

from __future__ import annotations

import math
from statistics import fmean

from policysearch.core.command import command
from policysearch.core.errors import UserError
from policysearch.datasets.dataset import Dataset
from policysearch.experiments.forecast import Forecast, timed
from policysearch.experiments.search.ablation import most_ablated
from policysearch.experiments.search.rehearsal import rehearsed
from policysearch.experiments.search.summary import most_finalists
from policysearch.experiments.search.workload import Workload, forecast_by_folds, workload
from policysearch.experiments.session import Session
from policysearch.experiments.tabular.fidelity import Fidelity
from policysearch.study.config import SearchConfig
from policysearch.study.controller import Pool
from policysearch.study.ladder import longest_pull, trained_epochs
from policysearch.study.populations.plan import share_of_pull
from policysearch.study.rows import COMPLETE, RUNNING, Row
from policysearch.study.rule_strategy import RuleStrategy
from policysearch.study.strategies import Strategy
from policysearch.study.trial_store import TrialStore

_SHORT = 2
"""Epochs of the training that is timed."""
_SHARE = 8
"""It is not timed where a pull has fewer than so many times as many epochs: it would cost too much beside a pull."""
_LAST = 50
"""Pulls whose seconds say what others will take."""
_SIDE = 32
_LONG = 600.0
"""Seconds on the clock from which on smaller images are suggested."""


def announce(session: Session, dataset: Dataset, strategy: Strategy, pool: Pool) -> None:
    """Tell the listener what is about to be trained, and how long it will take.

    Args:
        session: with its stores open; its listener is called.
        dataset: what is trained on.
        strategy: whose arms are counted.
        pool: idle; where nothing is recorded yet, a short training on it is timed.
    """
    config = session.config
    searched, confirmed = session.stores["search"].rows, session.stores["confirm"].rows
    whole = workload(config, dataset)
    free = session.stores["search"].space.free
    trainings = config.confirm * most_finalists(config, len(free))
    trainings += config.ablate * most_ablated(config, session.stores["search"].space)
    recorded = (len(searched), _ended(searched), _ended(confirmed))
    session.say(f"{_work(config, strategy, whole, trainings, recorded)}, into {session.folder.path}")

    work = whole.without(searched)
    left = (work.trainings, max(0, trainings - _ended(confirmed)))
    if not any(left) and not work.evaluations:
        return
    measured = _measured if config.train is None else rehearsed
    forecast = _of_pulls(session, whole, pool) or measured(session, pool)
    if forecast is not None:
        session.say(expectation(config, dataset, forecast, left, at_most=strategy.fidelities, work=work))
    session.say(f"{command('show', session.folder.path)} shows it meanwhile, from another terminal")


def _of_pulls(session: Session, whole: Workload, pool: Pool) -> Forecast | None:
    """A forecast from the pulls that are there; None without any."""
    config, store = session.config, session.stores["search"]
    if not whole.evaluations:
        return of_record(store, pool)
    fidelity = Fidelity(config.images, config.epochs)
    return forecast_by_folds(whole, store.rows, fidelity, max(1, pool.free_slots))


def expectation(
    config: SearchConfig,
    dataset: Dataset,
    forecast: Forecast,
    left: tuple[int, int],
    *,
    at_most: bool = False,
    work: Workload | None = None,
) -> str:
    """How long what is left will take, as a sentence.

    Args:
        config: of the search.
        dataset: its shape and the config say whether smaller images would do.
        forecast: of a training.
        left: trainings of the search, and of the confirmation.
        at_most: whether pulls may be smaller than the config's, as those of strategies with several fidelities are.
        work: what is left of the search, where that is more than trainings.
    """
    work = work or Workload(left[0], share=share_of_pull(config))
    one = forecast.seconds(Fidelity(*longest_pull(config))) * work.share
    last = forecast.seconds(Fidelity(*config.last_fidelity))
    pulls = work.seconds(forecast, Fidelity(*longest_pull(config)))
    clock = forecast.wall(pulls + left[1] * last)
    most = "at most " if at_most else ""
    judging = f", {_evaluations(work, forecast)}" if work.evaluations else ""
    sentence = (
        f"a training takes {most}about {clock_time(one)} here{judging}, all of them {most}about {clock_time(clock)}"
    )

    height, width = dataset.shape[1:]
    times = height * width / _SIDE**2
    if clock >= _LONG and min(height, width) > _SIDE and times >= 2:
        sentence += f"; --resize {_SIDE} is about {times:.0f} times faster"
    advice = forecast.advice(config, sum(left))
    return f"{sentence}; {advice}" if advice else sentence


def clock_time(seconds: float) -> str:
    """A rough time for people, such as "70 s", "40 min" or "3.5 h".

    Example:
        >>> clock_time(69.7), clock_time(2400), clock_time(12600)
        ('70 s', '40 min', '3.5 h')
    """
    if seconds < 120:
        return f"{max(1, math.ceil(seconds))} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _evaluations(work: Workload, forecast: Forecast) -> str:
    """What an evaluation takes, as a clause."""
    seconds = work.judged * forecast.per_judged
    return f"an evaluation {f'about {clock_time(seconds)}' if seconds > 1 else 'less than a second'}"


def _work(
    config: SearchConfig, strategy: Strategy, whole: Workload, confirmations: int, recorded: tuple[int, int, int]
) -> str:
    """What will be trained; `recorded` are pulls of the search, those that have ended, and ended confirmations."""
    arms = f"{len(strategy.arms)} arms" if isinstance(strategy, RuleStrategy) else f"space {config.space}"
    trainings = f"{config.trials} + {confirmations} trainings (search + confirmation)"
    if whole.evaluations:
        trainings = (
            f"{whole.trainings} trainings, each without a fold, then {whole.evaluations} evaluations of policies, "
            f"which train nothing, and {confirmations} trainings of the confirmation"
        )
    begun, searched, confirmed = recorded
    if not begun:
        return f"{arms}, {trainings}"
    so_far = f"{searched} of {config.trials} pulls of the search are there"
    if config.confirm:
        so_far += f", {confirmed} of {confirmations} trainings of the confirmation"
    return f"{arms}; {so_far}"


def _ended(rows: list[Row]) -> int:
    return sum(row.state != RUNNING for row in rows)


def of_record(store: TrialStore, pool: Pool) -> Forecast | None:
    """A forecast from what the last pulls have taken per image and epoch, whatever their fidelity; None without any."""
    rows = [row for row in store.rows if row.state == COMPLETE][-_LAST:]
    per_image = [row.outcome.seconds / (store.trial(row).images * trained_epochs(store, row)) for row in rows]
    return Forecast(fmean(per_image), 0.0, max(1, pool.free_slots)) if per_image else None


def _measured(session: Session, pool: Pool) -> Forecast | None:
    """A short training on every worker; None where that would cost too much, or fails as the pulls themselves will."""
    config = session.config
    if config.epochs < _SHARE * _SHORT or config.recipe.base_epochs or not pool.free_slots:
        return None
    session.say("timing a short training")
    try:
        if not config.recipe.compile:  # with it, `timed` itself trains once before
            timed(config, pool, Fidelity(config.images, 1))  # the first of a worker takes longer than any other
        return timed(config, pool, Fidelity(config.images, _SHORT))
    except UserError:
        return None
