"""The strategy `density`: Fast AutoAugment (Lim et al. 2019), its trials in one study as all others are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from policysearch.core.seeds import sampler_seed
from policysearch.policy.presets import preset
from policysearch.policy.spaces import Arm, Space
from policysearch.policy.union import must_merge
from policysearch.study.choices import ArmChoice
from policysearch.study.density_chains import Chain, chains
from policysearch.study.density_settings import DensitySettings
from policysearch.study.pull_history import PullHistory
from policysearch.study.quiet_optuna import quiet_optuna
from policysearch.study.rows import RUNNING, Row
from policysearch.study.space_distributions import distributions

_CHAINS = 3  # keeps a chain's sampler apart from all others of the study's seed
_MOST_ATTEMPTS = 10
"""How often TPE is asked for an arm that is new to a chain; then one comes again."""
_AS_IT_IS = Arm({"family": "identity"}, preset("identity"))


@dataclass
class _Memory:
    """A chain in TPE's own form, so that an ask adds what is new. Without it the same would be chosen, later.

    Attributes:
        study: in memory; trials that failed are not seen by TPE.
        pending: the trial that was given away last.
        key: of its arm.
        evaluations: that the study holds.
    """

    study: optuna.Study
    evaluations: int
    pending: optuna.Trial | None = None
    key: str = ""


@dataclass(frozen=True)
class DensityStrategy:
    """Train a network without augmentation on all folds but one, for each fold; then let TPE look for policies.

    A policy's reward is how well the fold's network does on its held-out images under the policy, so that after the
    trainings nothing is trained: evaluations alone. Fixed policies are not looked for: they are confirmed anyway.

    Each chain goes from one evaluation to the next, and chains go on side by side. So what is chosen does not depend
    on how many workers there are; more workers than chains have nothing to do.

    Raises:
        UserError: the space's policies cannot be merged into one.
    """

    settings: DensitySettings
    space: Space
    fidelities: ClassVar[bool] = False
    _memories: dict[int, _Memory] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        must_merge(self.space, "strategy density merges the best policies into one")

    def choose(self, history: PullHistory) -> ArmChoice | None:
        rows = history.rows
        if len(rows) < self.settings.folds:
            return ArmChoice(_AS_IT_IS, replicate=len(rows))
        at_work = chains(rows, self.settings)
        if not at_work:
            return None
        chain = at_work[(len(rows) - self.settings.folds) % len(at_work)]
        if chain.rows and chain.rows[-1].state == RUNNING:
            return None
        return ArmChoice(self._suggested(chain, history.seed), replicate=chain.fold)

    def _suggested(self, chain: Chain, seed: int) -> Arm:
        """What TPE takes next in a chain; it depends on the chain's record alone.

        An arm that the chain has evaluated would have the same reward again, so that TPE is asked once more.
        """
        seen = {row.arm.key for row in chain.rows}
        with quiet_optuna():
            memory = self._memory_of(chain)
            for attempt in range(_MOST_ATTEMPTS):
                key = sampler_seed(seed, _CHAINS, chain.number, len(chain.rows), attempt)
                memory.study.sampler = TPESampler(seed=key)
                trial = memory.study.ask()
                arm = self.space.suggest(trial, fixed=False)
                if arm.key not in seen or attempt == _MOST_ATTEMPTS - 1:
                    memory.pending, memory.key = trial, arm.key
                    break
                memory.study.tell(trial, state=TrialState.FAIL)
        return arm

    def _memory_of(self, chain: Chain) -> _Memory:
        """The chain as TPE sees it, up to its last evaluation."""
        rows, memory = chain.rows, self._memories.get(chain.number)
        if memory and memory.pending and memory.evaluations == len(rows) - 1 and memory.key == rows[-1].arm.key:
            reward = rows[-1].reward
            state = TrialState.FAIL if reward is None else TrialState.COMPLETE
            memory.study.tell(memory.pending, reward, state=state)
        else:
            memory = _Memory(optuna.create_study(direction="maximize"), 0)
            memory.study.add_trials([self._ended(row) for row in rows])
        memory.evaluations, memory.pending = len(rows), None
        self._memories[chain.number] = memory
        return memory

    def _ended(self, row: Row) -> FrozenTrial:
        """An evaluation as a trial of its chain's own study."""
        parameters = dict(row.arm.parameters)
        choices = distributions(self.space, parameters)
        choices["family"] = CategoricalDistribution([*self.space.families])
        if row.reward is None:
            return create_trial(state=TrialState.FAIL, params=parameters, distributions=choices)
        return create_trial(value=row.reward, params=parameters, distributions=choices)
