"""Trials in an `optuna.Study`, the single source of truth.

The only file that writes trials. It uses three of Optuna's internals (`study._storage`, `study._study_id`,
a trial's `_trial_id`): the public `ask` commits once for each parameter, and `add_trial` once for a whole trial
but without returning the number that it gave.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from policysearch.core.errors import UserError
from policysearch.core.seeds import child_seed
from policysearch.core.trial import Outcome, Trial
from policysearch.policy.losses import parse_loss
from policysearch.policy.policy import Policy
from policysearch.policy.spaces import Arm, Space, stepped
from policysearch.study.choices import Choice, SamplerChoice
from policysearch.study.rewards import Reward
from policysearch.study.rows import FAILED, Row, reward_of
from policysearch.study.trial_store import TrialStore


def distributions(space: Space, names: Any) -> dict[str, BaseDistribution]:
    """The Optuna distribution of each named parameter, the same that `Space.suggest` asks for."""
    return {name: _distribution(space.choices[name]) for name in names}


def _distribution(values: list[Any]) -> BaseDistribution:
    grid = stepped(values)
    if grid is None:
        return CategoricalDistribution(values)
    low, high, step = grid
    if all(isinstance(v, int) for v in values):
        return IntDistribution(int(low), int(high), step=int(step))
    return FloatDistribution(low, high, step=step)


class OptunaTrialStore(TrialStore):
    """All trials of one study, written before they are acted on.

    A trial has at most four attributes: `pull` (arm and replicate, JSON), `outcome` (JSON), and rarely `failures`
    (attempts that went wrong) and `no_reward` (why its metrics gave none). An arm's policy and loss are stored once,
    in the study's attributes `policy:KEY` and, where it has a loss, `loss:KEY`.

    Args:
        study: where trials are written.
        space: what samplers suggest from.
        seed, fidelities, reward: as for `TrialStore`.
        read_only: leave trials open whose outcome is written but which a kill kept from being closed.

    Raises:
        UserError: the study holds pulls at more fidelities than were given.
    """

    def __init__(
        self,
        study: optuna.Study,
        space: Space,
        *,
        seed: int,
        fidelities: Sequence[tuple[int, int]],
        reward: Reward,
        read_only: bool = False,
    ) -> None:
        super().__init__(seed=seed, fidelities=fidelities, reward=reward)
        self.study = study
        self.space = space
        self.incomplete: list[FrozenTrial] = []
        self._read_only = read_only

        # Policies are written before the trials that name them, so they are read after these.
        trials = study.get_trials(deepcopy=False)
        self._policies = {key: Policy.from_dict(data) for key, data in _stored(study, "policy:").items()}
        self._losses = {key: parse_loss(data) for key, data in _stored(study, "loss:").items()}
        for trial in trials:
            self._read(trial)

    @property
    def study_name(self) -> str:
        """The study's name in its storage."""
        return str(self.study.study_name)

    @property
    def notes(self) -> Mapping[str, Any]:
        """What is noted of the study as a whole: its attributes."""
        return self.study.user_attrs

    def note(self, name: str, value: Any) -> None:
        """Note something of the study as a whole, in one commit. `value` must be JSON."""
        self.study.set_user_attr(name, value)

    def _read(self, trial: FrozenTrial) -> None:
        if "pull" not in trial.user_attrs:
            self.incomplete.append(trial)
            return
        pull = json.loads(trial.user_attrs["pull"])
        fidelity = pull.get("fidelity", 0)
        if fidelity >= len(self._fidelities):
            raise UserError(
                f"study {self.study.study_name!r} holds pulls at fidelity {fidelity + 1}, and "
                f"{len(self._fidelities)} were given: give all that it was begun with"
            )

        arm = Arm(trial.params, self._policies[pull["arm"]], self._losses.get(pull["arm"]))
        failures = tuple(Outcome(**failure) for failure in trial.user_attrs.get("failures", ()))
        probability = pull.get("probability", math.nan)
        self._start(Row(trial.number, arm, pull["replicate"], fidelity, probability, failures=failures))
        if "outcome" not in trial.user_attrs:
            return

        outcome = Outcome(**json.loads(trial.user_attrs["outcome"]))
        if trial.state != TrialState.RUNNING:
            error = outcome.error or trial.user_attrs.get("no_reward", "")
            self._close_row(trial.number, replace(outcome, error=error), trial.value)
        elif not self._read_only:
            self._end(trial.number, outcome)

    def start(self, choice: Choice) -> Trial:
        """Start the trial that a strategy decided on."""
        if isinstance(choice, SamplerChoice):
            return self.suggest(choice.sampler())
        return super().start(choice)

    def add(self, arm: Arm, replicate: int | None = None, fidelity: int = 0, probability: float = math.nan) -> Trial:
        """Start a pull of `arm`, in one commit."""
        arm = self._remembered(arm)
        row = self._next_row(arm, replicate, fidelity, probability)
        self.study.add_trial(
            create_trial(
                state=TrialState.RUNNING,
                params=dict(arm.parameters),
                distributions=distributions(self.space, arm.parameters),
                user_attrs={"pull": _pull(row)},
            )
        )
        self._start(row)
        return self.trial(row)

    def suggest(self, sampler: optuna.samplers.BaseSampler) -> Trial:
        """Start a pull of what the sampler suggests; a trial cut off between two parameters is continued first."""
        self.study.sampler = sampler
        trial = optuna.Trial(self.study, self.incomplete.pop()._trial_id) if self.incomplete else self.study.ask()
        arm = self._remembered(self.space.suggest(trial))
        row = Row(trial.number, arm, self.tally.started(arm.key))
        trial.set_user_attr("pull", _pull(row))
        self._start(row)
        return self.trial(row)

    def trial(self, row: Row) -> Trial:
        return Trial(
            row.number,
            row.arm.key,
            row.arm.policy.to_json(indent=None),
            row.replicate,
            child_seed(self.seed, row.replicate),
            *self._fidelities[row.fidelity],
            attempt=len(row.failures),
            loss=row.arm.loss.to_json() if row.arm.loss else "",
        )

    def arm_name(self, key: str) -> str:
        """The name of an arm that was pulled."""
        return Arm({}, self._policies[key], self._losses.get(key)).name

    def attempt_failed(self, trial: Trial, outcome: Outcome) -> Trial:
        again = super().attempt_failed(trial, outcome)
        self._set(trial.number, "failures", [asdict(failure) for failure in self.rows[trial.number].failures])
        return again

    def tell(self, trial: Trial, outcome: Outcome) -> Row:
        """Record how a trial ended, and close it."""
        self._set(trial.number, "outcome", json.dumps(asdict(outcome)))
        return self._end(trial.number, outcome)

    def _end(self, number: int, outcome: Outcome) -> Row:
        """Close a trial whose outcome is written. A process that dies before this leaves it to the next reader."""
        reward, error = reward_of(self._reward, outcome)
        if error and not outcome.error:
            self._set(number, "no_reward", error)

        row = self._close_row(number, replace(outcome, error=error), reward)
        if row.state == FAILED:
            self.study.tell(number, state=TrialState.FAIL)
        else:
            self.study.tell(number, reward)
        return row

    def _remembered(self, arm: Arm) -> Arm:
        """The arm under the name it was first pulled by: families may have arms in common."""
        if arm.key not in self._policies:
            # The loss goes first: after a kill between the two, the arm still counts as unknown.
            if arm.loss:
                self.study.set_user_attr(f"loss:{arm.key}", arm.loss.to_json())
                self._losses[arm.key] = arm.loss
            self.study.set_user_attr(f"policy:{arm.key}", arm.policy.to_json(indent=None))
            self._policies[arm.key] = arm.policy
        return replace(arm, policy=self._policies[arm.key])

    def _set(self, number: int, name: str, value: Any) -> None:
        storage = self.study._storage
        trial_id = storage.get_trial_id_from_study_id_trial_number(self.study._study_id, number)
        storage.set_trial_user_attr(trial_id, name, value)


def _stored(study: optuna.Study, prefix: str) -> dict[str, Any]:
    """What the study's attributes hold by arm key."""
    return {
        name.removeprefix(prefix): json.loads(text)
        for name, text in study.user_attrs.items()
        if name.startswith(prefix)
    }


def _pull(row: Row) -> str:
    """The trial attribute `pull`: fidelity and probability are left out where they say nothing."""
    pull: dict[str, Any] = {"arm": row.arm.key, "replicate": row.replicate}
    if row.fidelity:
        pull["fidelity"] = row.fidelity
    if not math.isnan(row.probability):
        pull["probability"] = row.probability
    return json.dumps(pull)
