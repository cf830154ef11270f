"""The strategy `autoaugment-rl`: a controller that is caught up with the record before it writes the next policy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

from policysearch.core.seeds import rule_generator
from policysearch.policy.spaces import Space
from policysearch.study.autoaugment_rl.controller import Controller, Written, new_controller
from policysearch.study.autoaugment_rl.settings import ControllerSettings, parsed_settings
from policysearch.study.autoaugment_rl.space_form import SubPolicyForm, form_of
from policysearch.study.choices import ArmChoice
from policysearch.study.pull_history import PullHistory
from policysearch.study.rows import RUNNING, Row


@dataclass(frozen=True)
class AutoAugmentRl:
    """AutoAugment's search of a space.

    Update k is by trials k·batch to (k + 1)·batch - 1, as soon as all of them have ended, so that the controller
    follows from the record: the trials, their rewards and the probability with which each policy was written. Trials
    without a reward teach nothing. A policy is drawn by (study seed, trial number).
    """

    space: Space
    form: SubPolicyForm
    settings: ControllerSettings
    fidelities: ClassVar[bool] = False
    _controllers: WeakKeyDictionary[Any, tuple[int, Controller]] = field(
        default_factory=WeakKeyDictionary, init=False, repr=False, compare=False
    )

    def choose(self, history: PullHistory) -> ArmChoice:
        """The next policy."""
        decisions, probability = self.caught_up(history).write(rule_generator(history.seed, len(history.rows)))
        return ArmChoice(self.space.arm(self.form.parameters(decisions)), probability=probability)

    def caught_up(self, history: PullHistory) -> Controller:
        """The controller after every update that the record allows; only new ones are made."""
        start, controller = self._controllers.get(history) or (
            0,
            new_controller(self.settings, self.form, history.seed),
        )
        size = self.settings.batch
        while len(rows := history.rows[start : start + size]) == size and all(row.state != RUNNING for row in rows):
            controller = controller.learned([*filter(None, map(self._written, rows))])
            start += size
        self._controllers[history] = start, controller
        return controller

    def _written(self, row: Row) -> Written | None:
        """What a trial teaches; None without a reward."""
        decisions = self.form.decisions(row.arm.parameters)
        if row.reward is None or decisions is None or not row.probability > 0:
            return None
        return Written(decisions, row.probability, row.reward)


def autoaugment_rl(spec: str, space: Space) -> AutoAugmentRl:
    """The strategy `autoaugment-rl:parameter=value,...` for a space.

    Raises:
        UserError: a parameter is wrong, or the space is not of the form that the controller writes.
    """
    return AutoAugmentRl(space, form_of(space), parsed_settings(spec))
