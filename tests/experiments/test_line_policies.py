"""Policies of lines where lines are read, and nowhere else; found out before anything is written."""

from __future__ import annotations

import pytest

from policysearch.core.errors import UserError
from policysearch.core.tasks import TASKS, TEXT_LINES
from policysearch.experiments.task_checks import policy_must_suit_task, space_must_suit_task
from policysearch.policy.mixes import LINE_MIXES, Mix
from policysearch.policy.policy import Policy, Stage
from policysearch.policy.space_files import load_space
from policysearch.policy.steps import SubPolicy


def mixed_late(name: str) -> Policy:
    stage = Stage(start=0.5, sub_policies=(SubPolicy(),), mix=Mix(operation=name))
    return Policy(sub_policies=(SubPolicy(),), stages=(stage,))


@pytest.mark.parametrize("task", sorted(set(TASKS) - {TEXT_LINES}))
@pytest.mark.parametrize("name", sorted(LINE_MIXES))
def test_mixes_of_lines_go_with_lines_alone(name, task):
    policy_must_suit_task(TEXT_LINES, mixed_late(name))
    with pytest.raises(UserError, match=rf"has '{name}', which does not go with --task {task}: it mixes the strings"):
        policy_must_suit_task(task, mixed_late(name))
    with pytest.raises(UserError, match=r"space text-lines: .* mixes the strings of lines"):
        space_must_suit_task(task, load_space("text-lines", TASKS[task].fixed))


def test_mixes_of_classes_do_not_go_with_lines():
    policy_must_suit_task("classification", mixed_late("cutmix"))
    with pytest.raises(UserError, match="has 'cutmix', which does not go with --task text-lines: it mixes the labels"):
        policy_must_suit_task(TEXT_LINES, mixed_late("cutmix"))


def test_the_space_of_lines_suits_their_task():
    space_must_suit_task(TEXT_LINES, load_space("text-lines", TASKS[TEXT_LINES].fixed))
    with pytest.raises(UserError, match="--task text-lines"):
        space_must_suit_task(TEXT_LINES, load_space("mixes", TASKS[TEXT_LINES].fixed))


def test_regression_refuses_mixes_of_lines_before_it_asks_for_kept_steps():
    with pytest.raises(UserError, match=r"space text-lines: .* does not go with --task regression: .*: take it out$"):
        space_must_suit_task("regression", load_space("text-lines", TASKS["regression"].fixed))
