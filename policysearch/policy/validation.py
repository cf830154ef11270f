"""Complaints of pydantic about a user's file, said as one sentence."""

from __future__ import annotations

from difflib import get_close_matches

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from policysearch.core.errors import UserError, shortened
from policysearch.policy.steps import Value


def validation_message(error: ValidationError) -> str:
    """The first complaint of pydantic as one sentence: which field, what was given, what is allowed."""
    return _sentence(error.errors()[0])


def validation_messages(error: ValidationError) -> list[str]:
    """All complaints of pydantic, one sentence per complaint."""
    return [_sentence(complaint) for complaint in error.errors()]


def _sentence(complaint: ErrorDetails) -> str:
    parts = [str(part) for part in complaint["loc"]] or [""]
    place = ".".join(shortened(part) for part in parts if "[" not in part)
    cause = complaint.get("ctx", {}).get("error")
    if isinstance(cause, UserError):
        return f"{place}: {cause}" if place else str(cause)
    where = place or "the whole"
    if complaint["type"] == "extra_forbidden":
        return f"unknown key {where!r}{_HINTS.get(parts[-1]) or _nearest(parts[-1])}"
    if complaint["type"] == "missing":
        return f"{where} is missing"
    requirement = _PLAIN.get(complaint["type"], complaint["msg"].lower())
    return f"{where}: {requirement}, got {complaint['input']!r:.80}"


def _nearest(key: str) -> str:
    """The field of a policy's parts that was perhaps meant."""
    kinds: list[type[Value]] = Value.__subclasses__()
    fields = {field for kind in kinds for field in kind.model_fields} - {key}
    begun_so = sorted(field for field in fields if len(key) > 2 and field.startswith(key))
    near = begun_so or get_close_matches(key, fields, n=1, cutoff=0.6)
    return f": did you mean {near[0]}?" if near else ""


_PLAIN = {
    "model_type": "must be a table of its fields",
    "model_attributes_type": "must be a table of its fields",
    "dict_type": "must be a table",
    "mapping_type": "must be a table",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "too_short": "must not be empty",
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "string_type": "must be text",
    "bool_parsing": "must be true or false",
}


_HINTS = {"level": " (levels are for space files; a policy gives the magnitude itself)"}
