"""The rules of a training's adaptive policies."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from policysearch.child.adaptive.adaaugment import AdaAugment
from policysearch.child.adaptive.entaugment import EntAugment
from policysearch.child.adaptive.sample_aware import SampleAware
from policysearch.child.adaptive.situation import Observation, Rule, Situation, State, Trainee
from policysearch.child.device_data import DeviceData
from policysearch.child.recipe import Precision
from policysearch.policy.adaptive import Adaptive

RULES: Mapping[str, Callable[[Trainee], Rule]] = {
    "entaugment": EntAugment,
    "adaaugment": AdaAugment,
    "sample-aware": SampleAware,
}
"""By the names of `ADAPTIVE_RULES`."""


class Adaptation:
    """What the adaptive policies of one training have learned so far; a rule begins when a policy first asks for it.

    Policies that are not adaptive cost nothing and change nothing.

    Args:
        network: that is trained, on its device.
        data: what it is trained on.
        precision: of its passes.
        seed: of the training.
    """

    def __init__(self, network: nn.Module, data: DeviceData, precision: Precision, seed: int) -> None:
        self._trainee = Trainee(network, data, precision, seed)
        self._rules: dict[str, Rule] = {}
        self.begin_epoch()

    def begin_epoch(self) -> None:
        """Begin the mean of the shares anew."""
        self._total: Tensor | float = 0.0
        self._count: Tensor | int = 0

    def shares(self, situation: Situation) -> Tensor | None:
        """[B] float32, the shares of a batch (see `Rule`); None for a policy that is not adaptive."""
        adaptive = situation.policy.adaptive
        if adaptive is None:
            return None
        shares = self._rule(adaptive.rule).shares(situation)
        self._total = self._total + shares.nansum()
        self._count = self._count + (~shares.isnan()).sum()
        return shares

    def observe(self, adaptive: Adaptive | None, observation: Observation) -> None:
        """Let the rule of an adaptive policy see a batch that it gave shares for, and that has been trained on."""
        if adaptive is not None:
            self._rule(adaptive.rule).observe(observation)

    @property
    def mean_share(self) -> float | None:
        """The mean of this epoch's shares, without the magnitudes drawn evenly; None where there were none."""
        return float(self._total / self._count) if int(self._count) else None

    def state(self) -> State:
        """What each rule remembers, and the shares of the epoch; empty where no rule has begun."""
        if not self._rules:
            return {}
        remembered = {name: rule.state() for name, rule in self._rules.items()}
        return {"rules": remembered, "total": float(self._total), "count": int(self._count)}

    def restore(self, state: State) -> None:
        """Put back what `state` gave."""
        for name, remembered in state.get("rules", {}).items():
            self._rule(name).restore(remembered)
        self._total, self._count = state.get("total", 0.0), state.get("count", 0)

    def _rule(self, name: str) -> Rule:
        if name not in self._rules:
            self._rules[name] = RULES[name](self._trainee)
        return self._rules[name]
