"""Every cheap fidelity × reward of a recorded table, judged against its long training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policysearch.core.errors import UserError
from policysearch.experiments.calibration.fitted_reward import FEATURES, Correction, fit_correction
from policysearch.experiments.calibration.proxies import Bootstrap, Estimated, Proxy, judge_proxy, regret
from policysearch.experiments.calibration.truth import Truth
from policysearch.experiments.tabular.fidelity import Fidelity
from policysearch.experiments.tabular.table import Table
from policysearch.policy.spaces import Arm, Space
from policysearch.stats.arrays import Floats
from policysearch.study.reward_metrics import METRICS
from policysearch.study.rewards import parse_reward

REWARDS_TRIED = (
    "accuracy",
    "-loss",
    "accuracy-0.1*loss",
    "accuracy-0.2*loss",
    "accuracy-0.1*accuracy_gap",
    "accuracy-0.3*accuracy_gap",
)
_FEWEST_ARMS = 4
FamilyOf = Callable[[Space, Arm], str]


def family_of(space: Space, arm: Arm) -> str:
    """The family of an arm; all fixed baselines are one."""
    name = str(arm.parameters["family"])
    return name if name in space.families else "baselines"


@dataclass(frozen=True)
class Candidate:
    """A cheap pull and the reward that reads it.

    Attributes:
        share: seconds of one pull over those of one long training (processor seconds where children train on CPU).
        proxy: how it picks; for a fitted reward by weights fitted without the arm in question.
        correction: the fitted reward; None for one that was given.
    """

    fidelity: Fidelity
    reward: str
    share: float
    proxy: Proxy
    correction: Correction | None = None

    @property
    def cost(self) -> float:
        """All pulls of an arm, in long trainings."""
        return self.share * self.proxy.replicates


@dataclass(frozen=True)
class Analysis:
    """Every cheap pull of a table, judged.

    Attributes:
        long: the fidelity taken as truth.
        arms: indices of the table's arms that were judged: those with a long training and a pull at every cheap
            fidelity that has any common to all.
        truth: their long trainings.
        long_regret: expected regret of a pick by long training itself, as many replicates as there are.
        long_draws: [B] the regrets behind it, by bootstrap draw.
        candidates: cheapest fidelity first, in each the given rewards and then the fitted one.
        left_out: cheap fidelities without a replicate that all arms have.
    """

    long: Fidelity
    arms: tuple[int, ...]
    truth: Truth
    long_regret: Estimated
    long_draws: Floats
    candidates: tuple[Candidate, ...]
    left_out: tuple[Fidelity, ...]


def analyse(
    table: Table,
    rewards: Sequence[str] = REWARDS_TRIED,
    *,
    long: Fidelity | None = None,
    judged_by: str = "accuracy",
    family: FamilyOf = family_of,
    fitted: bool = True,
    seed: int = 0,
    draws: int = 2000,
) -> Analysis:
    """Judge every cheap fidelity × reward of a table.

    Args:
        table: recorded, complete or not: at a cheap fidelity the replicates that all arms have count.
        rewards: as `policysearch search --reward` takes them.
        long: the fidelity taken as truth; by default the most expensive.
        judged_by: the truth's reward.
        family: the family of an arm, for correlations inside families.
        fitted: also fit a reward at each fidelity (`policysearch.experiments.calibration.fitted_reward`).
        seed, draws: of the bootstrap.

    Raises:
        UserError: no such fidelity, no cheaper one, fewer than 4 arms with long training, or a reward that a recorded
            pull does not give.
    """
    at = table.index(long or table.fidelities[-1])
    cheap = [f for f in range(len(table.fidelities)) if table.fidelities[f].cost < table.fidelities[at].cost]
    arms, usable = _complete(table, at, cheap)
    truth = Truth(_grid(table, at, judged_by)[arms])
    bootstrap = Bootstrap.of(truth, draws, seed)
    families = [family(table.space, table.arms[k]) for k in arms]
    judge = _Judge(table, at, arms, families, truth, bootstrap)
    candidates: list[Candidate] = []
    for f in usable:
        candidates += judge.fidelity(f, rewards, fitted)
    long_draws = regret(bootstrap.truth, bootstrap.remeasured)
    return Analysis(
        table.fidelities[at],
        tuple(map(int, arms)),
        truth,
        Estimated.of_draws(long_draws),
        long_draws,
        tuple(candidates),
        tuple(table.fidelities[f] for f in cheap if f not in usable),
    )


def _grid(table: Table, fidelity: int, reward: str) -> Floats:
    return table.grid(fidelity, parse_reward(reward), partial=True)[0]


def _complete(table: Table, long: int, cheap: list[int]) -> tuple[NDArray[np.int64], list[int]]:
    """Arms that have been trained long, and the cheap fidelities at which all of these have some replicate."""

    def present(f: int) -> NDArray[np.bool_]:
        return np.isfinite(table.grid(f, lambda metrics: 0.0, partial=True)[0])

    arms = np.flatnonzero(present(long).any(1))
    if len(arms) < _FEWEST_ARMS:
        raise UserError(
            f"{table.source}: {len(arms)} arms have been trained at {table.fidelities[long]}, and {_FEWEST_ARMS} are "
            "the fewest that can be ranked: record more"
        )
    usable = [f for f in cheap if present(f)[arms].all(0).any()]
    if not usable:
        raise UserError(f"{table.source}: no fidelity cheaper than {table.fidelities[long]} that all arms have")
    return arms, usable


@dataclass(frozen=True)
class _Judge:
    """Judges one fidelity after the other by the same draws."""

    table: Table
    long: int
    arms: NDArray[np.int64]
    families: list[str]
    truth: Truth
    bootstrap: Bootstrap

    def fidelity(self, f: int, rewards: Sequence[str], fitted: bool) -> list[Candidate]:
        share = self._seconds(f) / self._seconds(self.long)
        at = self.table.fidelities[f]
        out = [Candidate(at, reward, share, self._proxy(self._scores(f, reward))) for reward in rewards]
        return [*out, *(self._fitted(f, share) if fitted else ())]

    def _scores(self, f: int, reward: str) -> Floats:
        grid = _grid(self.table, f, reward)[self.arms]
        return grid[:, np.isfinite(grid).all(0)]

    def _proxy(self, scores: Floats) -> Proxy:
        return judge_proxy(scores, self.truth, self.bootstrap, self.families)

    def _fitted(self, f: int, share: float) -> list[Candidate]:
        names = [name for name in FEATURES if self._has(f, name)]
        if "accuracy" not in names:
            return []
        metrics = np.stack([self._scores(f, name) for name in names], -1)
        means = metrics.mean(1)
        correction = fit_correction(names, means, self.truth.means)
        if correction is None or len(correction.weights) < 2:
            return []
        centred = metrics - means.mean(0)  # else arms would differ by the constants of their own weights
        proxy = self._proxy(np.einsum("kjf,kf->kj", centred, correction.left_out))
        return [Candidate(self.table.fidelities[f], correction.reward, share, proxy, correction)]

    def _has(self, f: int, name: str) -> bool:
        cells = np.flatnonzero(self.table.fidelity == f)
        values = [self.table.metrics[int(cell)].get(name) for cell in cells]
        return name in METRICS and all(isinstance(v, int | float) and np.isfinite(v) for v in values)

    def _seconds(self, f: int) -> float:
        """Mean over the arms of a pull's duration."""
        cells = np.flatnonzero((self.table.fidelity == f) & np.isin(self.table.arm, self.arms))
        on_cpu = self.table.about.get("config", {}).get("device", "cpu") == "cpu"
        if on_cpu and self._has(f, "cpu_seconds") and self._has(self.long, "cpu_seconds"):
            return float(np.mean([self.table.metrics[int(cell)]["cpu_seconds"] for cell in cells]))
        return float(self.table.seconds[cells].mean())
