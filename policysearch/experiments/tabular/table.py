"""A recorded table: every arm × fidelity × replicate with its metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policysearch.core.errors import UserError
from policysearch.core.tasks import CLASSIFICATION
from policysearch.experiments.tabular.fidelity import Fidelity
from policysearch.policy.spaces import Arm, Space
from policysearch.stats.arrays import Floats
from policysearch.study.rewards import USABLE, Reward, is_usable


def task_of_table(about: Mapping[str, Any]) -> str:
    """What the networks of a table learned, by what its file says of how it was made; older files do not."""
    config = about.get("config")
    return str(config.get("task", CLASSIFICATION)) if isinstance(config, Mapping) else CLASSIFICATION


@dataclass(frozen=True)
class Table:
    """What was recorded: C cells, each one pull.

    Attributes:
        source: the file, for messages.
        space: the space whose arms were recorded.
        arms: those recorded, K of them, in the space's order.
        fidelities: cheapest first.
        arm, fidelity, replicate: [C] int64; the first two are indices.
        metrics: by cell, C of them.
        seconds: [C] worker-seconds, failed attempts not counted.
        about: what else the file tells: configuration, versions, the data's digest.
        whole: whether these are all arms of the space.
    """

    source: str
    space: Space
    arms: tuple[Arm, ...]
    fidelities: tuple[Fidelity, ...]
    arm: NDArray[np.int64]
    fidelity: NDArray[np.int64]
    replicate: NDArray[np.int64]
    metrics: tuple[dict[str, Any], ...]
    seconds: Floats
    about: dict[str, Any]
    whole: bool = True

    @property
    def task(self) -> str:
        """What its networks learned."""
        return task_of_table(self.about)

    def index(self, fidelity: Fidelity) -> int:
        """The index of a fidelity.

        Raises:
            UserError: it was not recorded.
        """
        if fidelity not in self.fidelities:
            has = ", ".join(map(str, self.fidelities))
            raise UserError(f"{self.source} has no fidelity {fidelity}; it has {has}")
        return self.fidelities.index(fidelity)

    def grid(self, fidelity: int, reward: Reward, *, partial: bool = False) -> tuple[Floats, Floats]:
        """Rewards and worker-seconds [K, J] at a fidelity, J the most replicates of any arm; nan where there is none.

        Args:
            partial: whether arms may lack pulls.

        Raises:
            UserError: unless partial, an arm has no pull there, or its replicates are not 0, 1, ...; a reward is no
                usable number.
        """
        here = np.flatnonzero(self.fidelity == fidelity)
        shape = (len(self.arms), int(self.replicate[here].max(initial=-1)) + 1)
        rewards, seconds = np.full(shape, np.nan), np.full(shape, np.nan)
        for cell in map(int, here):
            at = self.arm[cell], self.replicate[cell]
            rewards[at], seconds[at] = self._reward(cell, reward), self.seconds[cell]
        if not partial:
            self._must_be_full(rewards, fidelity)
        return rewards, seconds

    def _reward(self, cell: int, reward: Reward) -> float:
        try:
            value = float(reward(self.metrics[cell]))
        except (Exception, SystemExit) as error:  # a user's own function may raise anything
            raise UserError(f"{self.source}: the reward fails on a recorded pull: {error!r}") from None
        if not is_usable(value):
            name = self.arms[self.arm[cell]].name
            raise UserError(
                f"{self.source}: arm {name}, fidelity {self.fidelities[self.fidelity[cell]]}, replicate "
                f"{self.replicate[cell]} gives the reward {value}, which must be {USABLE}: record that pull again"
            )
        return value

    def _must_be_full(self, rewards: Floats, fidelity: int) -> None:
        pulls = np.isfinite(rewards).sum(1)
        gaps = [k for k, row in enumerate(rewards) if not pulls[k] or not np.isfinite(row[: pulls[k]]).all()]
        if gaps:
            names = ", ".join(self.arms[k].name for k in gaps[:3]) + (", …" if len(gaps) > 3 else "")
            raise UserError(
                f"{self.source}: {len(gaps)} of {len(self.arms)} arms ({names}) lack pulls at "
                f"{self.fidelities[fidelity]}: the same `policysearch record` command goes on with them"
            )
