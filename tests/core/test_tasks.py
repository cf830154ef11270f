from __future__ import annotations

from typing import get_args

import pytest

from policysearch.core.errors import UserError
from policysearch.core.tasks import TASKS, TaskName, must_be_possible, task_named


def test_every_task_can_be_set_and_is_called_as_its_key():
    assert set(get_args(TaskName)) == set(TASKS)
    assert all(task.name == name for name, task in TASKS.items())


def test_classification_changes_no_default_and_refuses_pairs_and_mixes_of_lines_alone():
    task = TASKS["classification"]
    assert not (task.defaults or task.recipe) and set(task.refused) == {"pair", "line-mix"}
    assert task.metrics is None and task.has_classes


def test_an_unknown_task_is_refused_with_the_nearest():
    with pytest.raises(UserError, match=r"unknown task 'self-supervized'.*self-supervised"):
        task_named("self-supervized")


@pytest.mark.parametrize("task", ["self-supervised", "text-lines", "multi-label", "regression"])
def test_what_a_task_cannot_do_is_said_with_the_reason(task):
    with pytest.raises(
        UserError, match=rf"^online does not go with --task {task}: its stretches .* classifier's predictions"
    ):
        must_be_possible(task, "online", "online")


def test_what_is_not_refused_passes():
    must_be_possible("text-lines", "record", "record")
