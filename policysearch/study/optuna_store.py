"""Trials in an `optuna.Study`, the single source of truth.

With `trial_curves` the only file that writes trials. It uses three of Optuna's internals (`study._storage`,
`study._study_id`, a trial's `_trial_id`): the public `ask` commits once for each parameter, and `add_trial` once for a
whole trial, but it does not return the number that the trial got.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from policysearch.core.errors import RunFailed, UserError
from policysearch.core.seeds import child_seed
from policysearch.core.trial import Curve, Outcome, Trial
from policysearch.policy.losses import parse_loss
from policysearch.policy.policy import Policy
from policysearch.policy.spaces import Arm, Space
from policysearch.study.choices import Choice, SamplerChoice
from policysearch.study.rewards import Reward
from policysearch.study.rows import FAILED, Row, reward_of
from policysearch.study.space_distributions import distributions
from policysearch.study.trial_attributes import by_arm, pull_text, row_of
from policysearch.study.trial_curves import intermediate_values, write_curves
from policysearch.study.trial_store import TrialStore

_NOT_NEXT = "not run: another program wrote to the study at the same time"
_ENDED_ELSEWHERE = "ended by another program"


class ForeignTrials(RunFailed):
    """Another program writes trials to the study of a search."""


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
        point_value: of a point of a learning curve, which becomes an intermediate value of its trial; None: curves stay
            in the outcome alone.
        before_writing: called before each write; may raise where another controller has taken the study over.
        task: what a row asks of a worker instead of training its arm, see `Trial.task`.

    Raises:
        UserError: the study holds pulls at more fidelities than these, or trials of another program.
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
        point_value: Reward | None = None,
        before_writing: Callable[[], None] = lambda: None,
        task: Callable[[Row], str] = lambda row: "",
    ) -> None:
        super().__init__(seed=seed, fidelities=fidelities, reward=reward)
        self.study = study
        self.space = space
        self.incomplete: list[FrozenTrial] = []
        self._read_only = read_only
        self._point_value = point_value
        self._before_writing = before_writing
        self._task = task

        # Policies are written before the trials that name them, so they are read after these.
        trials = study.get_trials(deepcopy=False)
        self._policies = {key: Policy.from_dict(data) for key, data in by_arm(study, "policy:").items()}
        self._losses = {key: parse_loss(data) for key, data in by_arm(study, "loss:").items()}
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
        self._before_writing()
        self.study.set_user_attr(name, value)

    def delete(self) -> None:
        """Remove the study from its storage."""
        self.study._storage.delete_study(self.study._study_id)

    def _read(self, trial: FrozenTrial) -> None:
        if "pull" not in trial.user_attrs:
            self._keep_incomplete(trial)
            return
        self._must_be_ours(trial)
        row = row_of(trial, self._policies, self._losses)
        if row.fidelity >= len(self._fidelities):
            raise UserError(
                f"study {self.study.study_name!r} holds pulls at fidelity {row.fidelity + 1}, and "
                f"{len(self._fidelities)} were given: give all that it was begun with"
            )
        self._start(row)
        self._read_end(trial)

    def _read_end(self, trial: FrozenTrial) -> None:
        if "outcome" in trial.user_attrs:
            outcome = Outcome(**json.loads(trial.user_attrs["outcome"]))
        elif trial.state.is_finished():
            outcome = Outcome(error=_ENDED_ELSEWHERE)
        else:
            return

        if trial.state.is_finished():
            error = outcome.error or trial.user_attrs.get("no_reward", "")
            self._close_row(len(self.rows) - 1, replace(outcome, error=error), None if error else trial.value)
        elif not self._read_only:
            self._end(trial.number, outcome)

    def _keep_incomplete(self, trial: FrozenTrial) -> None:
        """A trial without a pull: a kill cut it off, and it is the last one; or another program wrote it."""
        if trial.state == TrialState.RUNNING and not self.incomplete:
            self.incomplete.append(trial)
        elif not self._read_only:
            raise self._foreign(trial.number)

    def _must_be_ours(self, trial: FrozenTrial) -> None:
        """Trials are pulls in an unbroken order. Where only reading is wanted, the others are passed over."""
        if trial.number != len(self.rows) and not self._read_only:
            raise self._foreign(len(self.rows))

    def _foreign(self, number: int) -> UserError:
        return UserError(
            f"study {self.study_name!r} holds trial {number}, which is no pull of this search: another program wrote "
            "it, and pulls would be mixed up; begin a new search with another --out"
        )

    def start(self, choice: Choice) -> Trial:
        """Start the trial that a strategy decided on."""
        if isinstance(choice, SamplerChoice):
            return self.suggest(choice.sampler())
        return super().start(choice)

    def add(
        self,
        arm: Arm,
        replicate: int | None = None,
        fidelity: int = 0,
        probability: float = math.nan,
        parent: int | None = None,
    ) -> Trial:
        """Start a pull of `arm`, in one commit.

        Raises:
            ForeignTrials: another program writes trials to the study.
        """
        arm = self._remembered(arm)
        row = self._next_row(arm, replicate, fidelity, probability, parent)
        template = create_trial(
            state=TrialState.RUNNING,
            params=dict(arm.parameters),
            distributions=distributions(self.space, arm.parameters),
            user_attrs={"pull": pull_text(row)},
        )
        storage = self.study._storage
        trial_id = storage.create_new_trial(self.study._study_id, template)
        self._must_be_next(storage.get_trial_number_from_id(trial_id))
        self._start(row)
        return self.trial(row)

    def suggest(self, sampler: optuna.samplers.BaseSampler) -> Trial:
        """Start a pull of what the sampler suggests; a trial cut off between two parameters is continued first.

        Raises:
            ForeignTrials: another program writes trials to the study.
        """
        self._before_writing()
        self.study.sampler = sampler
        trial = optuna.Trial(self.study, self.incomplete.pop()._trial_id) if self.incomplete else self.study.ask()
        self._must_be_next(trial.number)
        arm = self._remembered(self.space.suggest(trial))
        row = Row(trial.number, arm, self.tally.started(arm.key))
        trial.set_user_attr("pull", pull_text(row))
        self._start(row)
        return self.trial(row)

    def _must_be_next(self, number: int) -> None:
        """Check the number of a new trial in the storage; a trial that is not the next is closed as failed."""
        if number == len(self.rows):
            return
        self._set(number, "outcome", json.dumps(asdict(Outcome(error=_NOT_NEXT))))
        self.study.tell(number, state=TrialState.FAIL)
        raise ForeignTrials(
            f"study {self.study_name!r} was written to by another program: its next trial got number {number} where "
            f"{len(self.rows)} was due; stop that program, then resume. What is recorded is kept"
        )

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
            parent=row.parent,
            begin=row.begin,
            checkpoint=row.checkpoint,
            task=self._task(row),
        )

    def optuna_trial(self, number: int) -> FrozenTrial:
        """A trial as Optuna has it."""
        return self.study._storage.get_trial(self._id_of(number))

    def arm_name(self, key: str) -> str:
        """The name of an arm that was pulled."""
        return Arm({}, self._policies[key], self._losses.get(key)).name

    def attempt_failed(self, trial: Trial, outcome: Outcome) -> Trial:
        again = super().attempt_failed(trial, outcome)
        self._set(trial.number, "failures", [asdict(failure) for failure in self.rows[trial.number].failures])
        return again

    def tell(self, trial: Trial, outcome: Outcome) -> Row:
        """Record how a trial ended, and close it."""
        self._set_outcome(trial.number, outcome)
        return self._end(trial.number, outcome)

    def report(self, curves: Mapping[int, Curve]) -> None:
        """Show learning curves of trials under way, by number, to who watches the study; all in one commit."""
        self._before_writing()
        values = {
            self._id_of(number): intermediate_values(curve, self._point_value) for number, curve in curves.items()
        }
        write_curves(self.study, values, {})

    def _set_outcome(self, number: int, outcome: Outcome) -> None:
        """Write how a trial ended, and its learning curve as intermediate values, in one commit."""
        text = json.dumps(asdict(outcome))
        values = intermediate_values(outcome.metrics.get("curve", []), self._point_value)
        if not values:
            self._set(number, "outcome", text)
            return
        self._before_writing()
        trial_id = self._id_of(number)
        write_curves(self.study, {trial_id: values}, {trial_id: {"outcome": text}})

    def _end(self, number: int, outcome: Outcome) -> Row:
        """Close a trial whose outcome is written. A process that dies before this leaves it to the next reader."""
        if outcome.pruned:
            return self._end_pruned(number, outcome)
        reward, error = reward_of(self._reward, outcome)
        self._before_writing()
        if error and not outcome.error:
            self._set(number, "no_reward", error)

        row = self._close_row(number, replace(outcome, error=error), reward)
        if row.state == FAILED:
            self.study.tell(number, state=TrialState.FAIL)
        else:
            self.study.tell(number, reward)
        return row

    def _end_pruned(self, number: int, outcome: Outcome) -> Row:
        """Close a trial that was stopped, in one commit. `study.tell` would give it its last accuracy as its value."""
        self._before_writing()
        self.study._storage.set_trial_state_values(self._id_of(number), state=TrialState.PRUNED)
        return self._close_row(number, outcome, None)

    def _remembered(self, arm: Arm) -> Arm:
        """The arm under the name it was first pulled by: families may have arms in common."""
        self._before_writing()
        if arm.key not in self._policies:
            # The loss goes first: after a kill between the two, the arm still counts as unknown.
            if arm.loss:
                self.study.set_user_attr(f"loss:{arm.key}", arm.loss.to_json())
                self._losses[arm.key] = arm.loss
            self.study.set_user_attr(f"policy:{arm.key}", arm.policy.to_json(indent=None))
            self._policies[arm.key] = arm.policy
        return replace(arm, policy=self._policies[arm.key])

    def _set(self, number: int, name: str, value: Any) -> None:
        self._before_writing()
        self.study._storage.set_trial_user_attr(self._id_of(number), name, value)

    def _id_of(self, number: int) -> int:
        return self.study._storage.get_trial_id_from_study_id_trial_number(self.study._study_id, number)
