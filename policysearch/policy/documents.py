"""JSON documents that hold a value and its hash: a policy, a test-time policy."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

from pydantic import ValidationError

from policysearch.core.errors import UserError
from policysearch.policy.validation import validation_message


class _Hashed(Protocol):
    """A model that knows the hash of its content."""

    @property
    def hash(self) -> str: ...

    @classmethod
    def model_validate(cls, obj: Any) -> Self: ...


_Document = TypeVar("_Document", bound=_Hashed)


def hash_of(content: object) -> str:
    """Twelve hex digits of the SHA-256 of JSON data, whatever the order of its keys."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def from_content(model: type[_Document], data: object, source: str) -> _Document:
    """A value from parsed JSON, with or without its hash.

    Args:
        model: what the value is.
        data: parsed JSON.
        source: where it comes from, as complaints begin.

    Raises:
        UserError: a field is wrong, or the hash written along is not the content's.
    """
    written = data.get("hash") if isinstance(data, dict) else None
    content = {key: value for key, value in data.items() if key != "hash"} if isinstance(data, dict) else data
    try:
        value = model.model_validate(content)
    except ValidationError as error:
        raise UserError(f"{source}: {validation_message(error)}") from None
    if written not in (None, value.hash):
        raise UserError(
            f"{source} was edited or damaged: its hash is {written!r}, its content's {value.hash}; "
            "remove the key 'hash' to take it as it is"
        )
    return value


def read_document(path: str | Path, source: str) -> Any:
    """Parsed JSON from a file of a person's; nothing in it is executed.

    Args:
        path: the file.
        source: what and which it is, as complaints begin.

    Raises:
        UserError: the file is missing, or is no JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read {source}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{source} is not JSON: {error}") from None
