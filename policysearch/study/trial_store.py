"""The record: an `optuna.Study` as the single source of truth, and what is in it, kept in memory.

The only file that writes trials. It uses three of Optuna's internals (`study._storage`, `study._study_id`,
a trial's `_trial_id`): the public `ask` commits once for each parameter, `add_trial` once for a whole trial,
but does not return the number it gave.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState, create_trial

from policysearch.core.errors import UserError
from policysearch.core.seeds import child_seed
from policysearch.core.trial import Outcome, Trial
from policysearch.policy.losses import parse_loss
from policysearch.policy.policy import Policy
from policysearch.policy.spaces import Arm, Space, stepped
from policysearch.rules import Pull, Tally, counted
from policysearch.study.rewards import Reward

RUNNING, COMPLETE, FAILED = "running", "complete", "failed"


@dataclass(frozen=True)
class Row:
    """One trial as recorded: `state` is running, complete or failed; `reward` is None unless complete.

    `failures` are the attempts that went wrong before; `fidelity` is an index, `probability` that of the rule's draw.
    """

    number: int
    arm: Arm
    replicate: int
    fidelity: int = 0
    probability: float = math.nan
    state: str = RUNNING
    reward: float | None = None
    outcome: Outcome = field(default_factory=Outcome)
    failures: tuple[Outcome, ...] = ()

    @property
    def seconds(self) -> float:
        """Worker-seconds of all attempts."""
        return self.outcome.seconds + sum(failure.seconds for failure in self.failures)

    @property
    def pull(self) -> Pull:
        return Pull(self.arm.key, self.fidelity, self.probability)


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


class Record:
    """All trials of one study, written before they are acted on, and the tally of its arms.

    A trial has at most four attributes: `pull` (arm and replicate, JSON), `outcome` (JSON), and rarely `failures`
    (attempts that went wrong) and `no_reward` (why its metrics gave none). An arm's policy and loss stand
    once, in the study's attributes `policy:KEY` and, where it has a loss, `loss:KEY`.

    Args:
        fidelities: (images, epochs) of a pull at each fidelity, cheapest first.
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
        self.study = study
        self.space = space
        self.seed = seed
        self.rows: list[Row] = []
        self.tally = Tally(len(fidelities))
        self.incomplete: list[optuna.trial.FrozenTrial] = []
        self._fidelities = tuple(fidelities)
        self._reward = reward
        self._read_only = read_only
        trials = study.get_trials(deepcopy=False)  # before the policies, which are written before them
        self._policies = {key: Policy.from_dict(data) for key, data in _stored(study, "policy:").items()}
        self._losses = {key: parse_loss(data) for key, data in _stored(study, "loss:").items()}
        for trial in trials:
            self._read(trial)

    def _read(self, trial: FrozenTrial) -> None:
        if "pull" not in trial.user_attrs:
            self.incomplete.append(trial)
            return
        pull = json.loads(trial.user_attrs["pull"])
        failures = tuple(Outcome(**failure) for failure in trial.user_attrs.get("failures", ()))
        arm = Arm(trial.params, self._policies[pull["arm"]], self._losses.get(pull["arm"]))
        drawn = (pull.get("fidelity", 0), pull.get("probability", math.nan))
        if drawn[0] >= len(self._fidelities):
            told = f"study {self.study.study_name!r} holds pulls at fidelity {drawn[0] + 1}"
            raise UserError(f"{told}, and {len(self._fidelities)} were given: give all that it was begun with")
        self._start(Row(trial.number, arm, pull["replicate"], *drawn, failures=failures))
        if "outcome" in trial.user_attrs:
            outcome = Outcome(**json.loads(trial.user_attrs["outcome"]))
            if trial.state == TrialState.RUNNING:
                if not self._read_only:
                    self._end(trial.number, outcome)
            else:
                error = outcome.error or trial.user_attrs.get("no_reward", "")
                self._finish(trial.number, outcome, trial.value, error)

    def add(self, arm: Arm, replicate: int | None = None, fidelity: int = 0, probability: float = math.nan) -> Trial:
        """Start a pull of `arm`, in one commit; the replicate is the arm's next at that fidelity unless given."""
        number = len(self.rows)
        arm = self._remembered(arm)
        replicate = self.tally.started(arm.key, fidelity) if replicate is None else replicate
        row = Row(number, arm, replicate, fidelity, probability)
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
        """Start a pull of whatever the sampler suggests; a trial cut off between two parameters goes on first."""
        self.study.sampler = sampler
        trial = optuna.Trial(self.study, self.incomplete.pop()._trial_id) if self.incomplete else self.study.ask()
        arm = self._remembered(self.space.suggest(trial))
        row = Row(trial.number, arm, self.tally.started(arm.key))
        trial.set_user_attr("pull", _pull(row))
        self._start(row)
        return self.trial(row)

    def trial(self, row: Row) -> Trial:
        """The trial to evaluate for a row that is running."""
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

    def name(self, key: str) -> str:
        """The name of an arm that was pulled."""
        return Arm({}, self._policies[key], self._losses.get(key)).name

    def running(self) -> list[Trial]:
        """Trials that were started and have not ended, in order."""
        return [self.trial(row) for row in self.rows if row.state == RUNNING]

    def attempt_failed(self, trial: Trial, outcome: Outcome) -> Trial:
        """Write down a failed attempt; returns the next attempt of the same trial."""
        row = self.rows[trial.number]
        self.rows[trial.number] = replace(row, failures=(*row.failures, outcome))
        self._set(trial.number, "failures", [asdict(failure) for failure in self.rows[trial.number].failures])
        return self.trial(self.rows[trial.number])

    def tell(self, trial: Trial, outcome: Outcome) -> Row:
        """Record how a trial ended, and close it."""
        self._set(trial.number, "outcome", json.dumps(asdict(outcome)))
        self._end(trial.number, outcome)
        return self.rows[trial.number]

    def _start(self, row: Row) -> None:
        self.rows.append(row)
        self.tally.start(row.pull)

    def _end(self, number: int, outcome: Outcome) -> None:
        """Close a trial whose outcome is written; a kill before this is made good when the record is read."""
        reward, error = rewarded(self._reward, outcome)
        if error and not outcome.error:
            self._set(number, "no_reward", error)
        self._finish(number, outcome, reward, error)
        self._close(self.rows[number])

    def _finish(self, number: int, outcome: Outcome, reward: float | None, error: str) -> None:
        state = FAILED if reward is None else COMPLETE
        row = replace(self.rows[number], state=state, reward=reward, outcome=replace(outcome, error=error))
        self.rows[number] = row
        self.tally.finish(row.pull, reward, *counted(outcome.metrics))

    def _close(self, row: Row) -> None:
        if row.state == FAILED:
            self.study.tell(row.number, state=TrialState.FAIL)
        else:
            self.study.tell(row.number, row.reward)

    def _remembered(self, arm: Arm) -> Arm:
        """The arm under the name it was first pulled by: families may have arms in common."""
        if arm.key not in self._policies:
            if arm.loss:  # before the policy: after a kill between the two, the arm counts as unknown
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
    found = ((name, text) for name, text in study.user_attrs.items() if name.startswith(prefix))
    return {name.removeprefix(prefix): json.loads(text) for name, text in found}


def _pull(row: Row) -> str:
    drawn: dict[str, float] = {"fidelity": row.fidelity} if row.fidelity else {}
    drawn |= {} if math.isnan(row.probability) else {"probability": row.probability}
    return json.dumps({"arm": row.arm.key, "replicate": row.replicate, **drawn})


def rewarded(reward: Reward, outcome: Outcome) -> tuple[float | None, str]:
    """The reward of an outcome, or None and why there is none; a rule never sees an invented one."""
    if outcome.error:
        return None, outcome.error
    try:
        value = float(reward(outcome.metrics))
    except Exception as error:  # a user's own function may raise anything
        return None, f"reward failed: {type(error).__name__}: {error}"
    if not math.isfinite(value):
        return None, f"reward is {value}"
    return value, ""
