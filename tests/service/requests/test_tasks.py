"""Requests for searches of other tasks than classification."""

from __future__ import annotations

import pytest

import search_spaces
from policysearch.core.tasks import TASKS
from policysearch.service.request_models.search_request import SearchRequest
from policysearch.service.requests.context import OperatorData, RequestContext
from policysearch.service.requests.refusal import Refused
from policysearch.service.requests.validation import validated, values_of

JOB = "0" * 26
CONTEXT = RequestContext(data=OperatorData({"mine": "/srv/mine"}))
LIGHT = "schema = 1\n"
FAMILY = """[[family]]
name = "light"
parameters = { level = [6, 12] }
policy = { sub_policies = [{ steps = [{ operation = "brightness", level = "$level" }] }] }
"""


def test_what_a_request_leaves_open_is_counted_as_its_task_has_it():
    usual = TASKS["self-supervised"].defaults
    values = values_of(SearchRequest(task="self-supervised", epochs=7))
    assert (values["images"], values["space"], values["epochs"]) == (usual["images"], usual["space"], 7)


def test_a_request_without_a_task_is_as_before():
    request = SearchRequest(images=300)
    assert values_of(request) == request.model_dump()


@pytest.mark.parametrize(
    ("kind", "body", "field", "why"),
    [
        ("search", {"space": "pairs"}, "space", "'pair', which does not go with --task classification"),
        ("search", {"space": search_spaces.text("pairs")}, "space", "'pair', which does not go with"),
        ("calibrate", {"space": "text-lines"}, "space", "'line-join', which does not go with"),
        ("search", {"task": "text-lines", "space": "mixes"}, "space", "give --space text-lines"),
        ("search", {"task": "text-lines", "data": "fashion-small"}, "data", "have no texts"),
        ("search", {"task": "self-supervised", "data": "text-lines-small"}, "data", "give --task text-lines"),
        ("search", {"data": "text-lines-small"}, "data", "give --task text-lines"),
        ("search", {"train": "mine:train"}, "train", "is called by `policysearch search` and from Python"),
        ("search", {"model": "line-crnn"}, "model", "reads lines, for --task text-lines"),
        ("search", {"task": "text-lines", "model": "small-resnet"}, "model", "give line-crnn"),
        ("search", {"data": "shapes-small"}, "data", "give --task segmentation"),
        ("search", {"task": "segmentation", "data": "fashion-small"}, "data", "have no masks"),
        ("search", {"task": "segmentation", "model": "small-resnet"}, "model", "give small-unet"),
        ("search", {"model": "small-unet"}, "model", "gives the class of every pixel, for --task segmentation"),
        ("search", {"task": "segmentation", "space": "mixes"}, "space", "give --space segmentation"),
        ("search", {"task": "segmentation", "space": "soft-crop"}, "space", "'softening', which does not go with"),
        ("search", {"task": "segmentation", "reward": "ece"}, "reward", "ece"),
        ("evaluate", {"task": "segmentation", "policy": "augmix"}, "policy", "no one place for a mask"),
        ("evaluate", {"policy": "simsiam-sa1"}, "policy", "'pair', which does not go with --task classification"),
        ("evaluate", {"policy": "identity", "against": "identity,simsiam-sa1"}, "against", "which does not go with"),
        ("search", {"task": "multi-label", "data": "fashion-small"}, "data", "needs the labels of every image"),
        (
            "search",
            {"task": "multi-label", "data": "mine", "space": "pairs"},
            "space",
            "'pair', which does not go with",
        ),
        (
            "search",
            {"task": "multi-label", "data": "mine", "model": "line-crnn"},
            "model",
            "reads lines, for --task text-lines",
        ),
        (
            "search",
            {"task": "multi-label", "data": "mine", "reward": "ece"},
            "reward",
            "ece is a metric of --task classification",
        ),
        ("search", {"task": "multi-label"}, "data", "needs the labels of every image"),
        (
            "search",
            {"task": "regression", "data": "mine", "space": "randaugment"},
            "space",
            "nothing says that it keeps the numbers of an image",
        ),
        (
            "search",
            {"task": "regression", "data": "mine", "space": f"{LIGHT}keeps = []\n{FAMILY}"},
            "space",
            "has brightness, which is not",
        ),
        ("search", {"task": "regression", "space": "colours"}, "data", "needs the numbers of"),
        ("evaluate", {"task": "regression", "policy": "flip-crop", "data": "mine"}, "policy", "nothing says that it"),
        ("search", {"ablate": 2, "strategy": "ucb"}, "ablate", "'default' is none"),
        ("search", {"task": "self-supervised", "ablate": 2, "space": "joint-hard"}, "ablate", "'joint-hard' is none"),
        (
            "search",
            {"strategy": "additive", "space": "default"},
            "strategy",
            "strategy additive takes a space that is a product",
        ),
    ],
)
def test_what_belongs_to_another_task_is_refused_before_it_is_queued(kind, body, field, why):
    with pytest.raises(Refused) as refused:
        validated(kind, body, CONTEXT)
    ((place, sentence),) = refused.value.mistakes
    assert place == field and why in sentence


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("search", {"task": "self-supervised", "space": "pairs", "data": "fashion-small", "model": "small-resnet"}),
        ("search", {"task": "self-supervised", "ablate": 1}),
        ("search", {"task": "text-lines", "data": "text-lines-small", "space": "text-lines", "model": "line-crnn"}),
        ("evaluate", {"task": "self-supervised", "policy": "simsiam-sa1", "against": "simsiam"}),
        ("search", {"task": "segmentation", "data": "shapes-small", "reward": "worst-iou", "model": "small-unet"}),
        ("evaluate", {"task": "segmentation", "policy": "flip-crop", "against": "identity,randaugment"}),
        ("search", {"task": "multi-label", "data": "mine", "reward": "accuracy+0.5*macro-f1"}),
        (
            "search",
            {
                "task": "regression",
                "data": "mine",
                "space": f'{LIGHT}keeps = ["brightness"]\n{FAMILY}',
                "reward": "-mae",
            },
        ),
        ("evaluate", {"task": "regression", "data": "mine", "policy": "identity", "against": "identity"}),
        ("evaluate", {"task": "multi-label", "data": "mine", "policy": "soft-crop", "against": "identity,randaugment"}),
    ],
)
def test_what_a_task_has_is_taken(kind, body):
    validated(kind, body, CONTEXT)


def test_a_task_that_is_none_is_the_only_mistake():
    with pytest.raises(Refused) as refused:
        validated("search", {"task": "self-supervized", "space": "pairs", "ablate": 1}, RequestContext())
    assert list(refused.value.fields) == ["task"]


def test_a_space_that_takes_long_to_read_is_not_read_for_its_factors():
    with pytest.raises(Refused) as refused:
        validated("search", {"space": f"{'a.' * 30_000}a = 1", "ablate": 1, "strategy": "additive"}, RequestContext())
    assert list(refused.value.fields) == ["space"]


def test_an_evaluated_search_says_which_task_it_is(monkeypatch):
    monkeypatch.setattr(RequestContext, "result_of", lambda *_: None)
    body = {"policy": JOB, "against": "simsiam-sa1", "data": "text-lines-small", "model": "line-crnn"}
    validated("evaluate", body, RequestContext())


def test_a_training_function_is_nothing_for_the_server():
    with pytest.raises(Refused) as refused:
        validated("search", {"task": "own-training"}, RequestContext())
    sentences = [sentence for place, sentence in refused.value.mistakes if place == "task"]
    assert any("the server runs networks of this program alone" in sentence for sentence in sentences)
