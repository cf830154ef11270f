"""A request checked: everything that is wrong with it at once, a field and a sentence each; nothing is made."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from policysearch.core.errors import UserError, shortened, unknown_name
from policysearch.core.tasks import CLASSIFICATION, must_be_possible, task_named
from policysearch.policy.validation import validation_messages
from policysearch.service.request_models.calibrate_request import CalibrateRequest
from policysearch.service.request_models.evaluate_request import EvaluateRequest
from policysearch.service.request_models.search_request import SearchRequest
from policysearch.service.request_models.taken import (
    LONGEST,
    LONGEST_SPACE,
    RECIPE_REFUSED,
    RECIPE_TAKEN,
    REFUSED,
    Described,
)
from policysearch.service.requests.caps import beyond
from policysearch.service.requests.checks import CHECKS, Request
from policysearch.service.requests.context import RequestContext
from policysearch.service.requests.refusal import WHOLE, Refused
from policysearch.study.other_names import unknown_key
from policysearch.study.search_defaults import with_defaults_of_search

MODELS: Mapping[str, type[Described]] = MappingProxyType(
    {"search": SearchRequest, "calibrate": CalibrateRequest, "evaluate": EvaluateRequest}
)
"""The model of requests of each kind of job."""

CHANGES = ("trials", "confirm", "workers")
"""What a resume may change."""

_LINES = frozenset("\n\t\r")
_WITH_LINES = frozenset({"space", "note"})


def validated(kind: str, body: object, context: RequestContext) -> Described:
    """A request that may become a job.

    It imports nothing by a name that the request gives, opens no path of it, and makes nothing.

    Args:
        kind: of job, a key of `MODELS`.
        body: what was sent, as parsed from JSON.
        context: what it may name.

    Returns:
        The request; `request_of` gives what is kept of it.

    Raises:
        Refused: something is wrong; everything that is, is in it.
    """
    model = MODELS[kind]
    if not isinstance(body, dict):
        raise Refused([(WHOLE, 'a request is a table of settings by name, as {"data": "fashion-small"}')])
    # JSON's keys are texts; those of a body made in Python may be anything.
    body = {str(name): value for name, value in body.items()}
    mistakes = [*_unknown(body, model), *_unfit(body)]
    fields = _without(body, {field for field, _ in mistakes})
    try:
        request = model.model_validate(fields)
    except ValidationError as error:
        places = [".".join(map(str, complaint["loc"])) for complaint in error.errors()]
        sentences = validation_messages(error)
        mistakes += [(place, _after(text, place)) for place, text in zip(places, sentences, strict=True)]
        fields = _without(fields, set(places))
    mistakes += _wrong(Request(fields, context, frozenset(field for field, _ in mistakes)))
    mistakes += _beyond_task(kind, fields)
    if not mistakes:
        mistakes += beyond(kind, values_of(request), request_of(request), context)
        mistakes += _placed(request, context)
    if mistakes:
        raise Refused(mistakes)
    return request


def request_of(request: Described) -> dict[str, Any]:
    """What is kept of a request: the fields that were sent, ready for JSON."""
    return request.model_dump(mode="json", exclude_unset=True)


def values_of(request: Described) -> dict[str, Any]:
    """All settings of a request, those that it leaves open as its task has them."""
    values = request.model_dump()
    usual = task_named(str(values.get("task", CLASSIFICATION))).defaults
    left_open = {name: value for name, value in usual.items() if name in values}
    values |= {name: value for name, value in left_open.items() if name not in request.model_fields_set}
    said = {name: values[name] for name in values if name in request.model_fields_set or name in left_open}
    return values | dict(with_defaults_of_search(type(request), said))


def _unknown(body: Mapping[str, Any], model: type[Described]) -> Iterator[tuple[str, str]]:
    """Fields that no request has, or that the server sets."""
    for name in body:
        if name in REFUSED:
            yield name, f"is set by the server: {REFUSED[name]}"
        elif name not in model.model_fields:
            yield shortened(name), unknown_key(shortened(name), model.model_fields)
    recipe = body.get("recipe")
    for name in recipe if isinstance(recipe, dict) else {}:
        if name in RECIPE_REFUSED:
            yield f"recipe.{name}", f"is set by the server: {RECIPE_REFUSED[name]}"
        elif name not in RECIPE_TAKEN:
            yield f"recipe.{shortened(name)}", unknown_key(shortened(name), RECIPE_TAKEN)


def _unfit(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Values that nothing could hold: texts that are too long or cannot be shown, numbers that are none."""
    recipe = body.get("recipe")
    inside = {f"recipe.{name}": value for name, value in recipe.items()} if isinstance(recipe, dict) else {}
    for name, value in {**body, **inside}.items():
        for item in value if isinstance(value, list) else [value]:
            sentence = _unfit_sentence(name, item)
            if sentence:
                yield shortened(name), sentence
                break


def _unfit_sentence(name: str, value: object) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return f"must be a finite number, got {value}"
    if isinstance(value, int) and abs(value) > 2**63:
        return "must be a number of fewer than 19 digits"
    if not isinstance(value, str):
        return ""
    longest = LONGEST_SPACE if name == "space" else LONGEST
    if len(value) > longest:
        return f"may have {longest:,} characters, and has {len(value):,}"
    lines = _LINES if name in _WITH_LINES else frozenset()
    odd = next((letter for letter in value if unicodedata.category(letter) in ("Cc", "Cs") and letter not in lines), "")
    return f"has a character that cannot be shown, {odd!r}" if odd else ""


def _without(body: Mapping[str, Any], places: set[str]) -> dict[str, Any]:
    """The fields about which nothing was said yet; a field inside the recipe, or an item of a list, counts alone."""
    whole = {place for place in places if not place.startswith("recipe.")}
    whole |= {place.partition(".")[0] for place in whole}
    fields = {name: value for name, value in body.items() if shortened(name) not in whole}
    recipe = fields.get("recipe")
    if isinstance(recipe, dict):
        said = {place.removeprefix("recipe.") for place in places}
        fields["recipe"] = {name: value for name, value in recipe.items() if shortened(name) not in said}
    return fields


def _after(sentence: str, place: str) -> str:
    """The sentence without the place that it begins with."""
    return sentence.removeprefix(f"{place}: ").removeprefix(f"{place} ")


def _wrong(request: Request) -> Iterator[tuple[str, str]]:
    """Fields that name what is not there, or may not be named."""
    for field, value in {**request.left_open, **request.fields}.items():
        if value is None or field not in CHECKS:
            continue
        try:
            CHECKS[field](value, request)
        except UserError as error:
            yield field, shortened(str(error), 600)


def _beyond_task(kind: str, fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What the task does not have: the kind of job, its strategy, parts of its recipe, opponents of equal cost."""
    recipe = fields.get("recipe")
    strategy = str(fields.get("strategy") or "").partition(":")[0]
    equal_cost = "equal_cost" if fields.get("equal_cost") else ""
    asked_for = [("task", "service"), ("task", kind), ("strategy", strategy), ("equal_cost", equal_cost)]
    for name in ("base_epochs", "label_smoothing"):
        asked_for.append((f"recipe.{name}", name if isinstance(recipe, dict) and recipe.get(name) else ""))

    task = str(fields.get("task") or CLASSIFICATION)
    for field, what in asked_for:
        try:
            must_be_possible(task, what, what)
        except UserError as error:
            yield field, str(error)


def _placed(request: Described, context: RequestContext) -> Iterator[tuple[str, str]]:
    names = [place.name for place in context.places]
    if request.place and request.place not in names:
        yield "place", str(unknown_name("place", request.place, names))
        return
    workers = getattr(request, "workers", None)
    chosen = [place for place in context.places if place.name == request.place]
    if workers and chosen and workers > chosen[0].slots:
        yield "workers", f"may be {chosen[0].slots} at {request.place}, got {workers}"


def validated_changes(body: object, context: RequestContext) -> dict[str, int]:
    """What a job that is resumed is to have more of: trials, confirm or workers.

    Args:
        body: what was sent, as parsed from JSON; None for no change.
        context: whose limits count.

    Raises:
        Refused: a field is unknown, no number, or more than is allowed.
    """
    if body is not None and not isinstance(body, dict):
        raise Refused([(WHOLE, 'a resume takes a table of what changes, as {"trials": 80}')])
    changes = {str(name): value for name, value in (body or {}).items()}
    mistakes = [
        (shortened(name), f"unknown key {shortened(name)!r}: known: {', '.join(CHANGES)}")
        for name in changes
        if name not in CHANGES
    ]
    limits = {"trials": context.limits.pulls, "confirm": context.limits.pulls, "workers": context.workers}
    for name in CHANGES:
        number = changes.get(name)
        least = 0 if name == "confirm" else 1
        if number is not None and (type(number) is not int or not least <= number <= limits[name]):
            mistakes.append(
                (name, f"must be a whole number from {least} to {limits[name]}, got {shortened(repr(number))}")
            )
    if mistakes:
        raise Refused(mistakes)
    return {name: number for name, number in changes.items() if number is not None}
