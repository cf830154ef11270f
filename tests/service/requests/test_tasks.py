"""Requests for searches of other tasks than classification."""

from __future__ import annotations

from policysearch.core.tasks import TASKS
from policysearch.service.request_models.search_request import SearchRequest
from policysearch.service.requests.validation import values_of


def test_what_a_request_leaves_open_is_counted_as_its_task_has_it():
    usual = TASKS["self-supervised"].defaults
    values = values_of(SearchRequest(task="self-supervised", epochs=7))
    assert (values["images"], values["space"], values["epochs"]) == (usual["images"], usual["space"], 7)


def test_a_request_without_a_task_is_as_before():
    request = SearchRequest(images=300)
    assert values_of(request) == request.model_dump()
