"""The JSON of `A.to_dict`, `A.save` and AutoAlbument, and the files of `export --to albumentations`, as a policy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from policysearch.core.errors import UserError
from policysearch.export import to_albumentations
from policysearch.export.albumentations_dialects import DEFAULT, Node, canonical, dialect_of
from policysearch.export.albumentations_reader import Reader
from policysearch.export.autoaugment_lists import literal
from policysearch.export.lossy import refusal
from policysearch.export.reading_errors import named_errors
from policysearch.policy.policy import Policy


def read(text: str, name: str, allow_loss: bool = False) -> tuple[Policy, list[str]]:
    """The policy, and in what it is not the same.

    Args:
        text: what the file holds.
        name: what it is called in complaints.
        allow_loss: leave out what no operation here does, and take the nearest operation for what differs.

    Raises:
        UserError: it is no such file, a transform makes no sense, or no policy here can express one and `allow_loss`
            is False.
    """
    data = _data(text, name)
    with named_errors(name):
        whole = canonical(data["transform"])
        exported = _exported(data, whole, name)
        if exported is not None:
            return exported, []
        reader = Reader(dialect_of(data), allow_loss)
        policy = Policy(sub_policies=tuple(reader.sub_policies(whole)))
    if reader.losses and not allow_loss:
        raise refusal(f"{name} has what no policy here can express", list(reader.losses))
    return policy, [*reader.losses, *reader.notes]


def _data(text: str, name: str) -> Mapping[str, Any]:
    """What a JSON file or an exported Python file says, with the transforms under the key `transform`."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        if "TRANSFORMS" not in text:
            raise UserError(f"{name} is neither the JSON of A.to_dict nor a file that export wrote") from None
        nodes = literal(text, name, "TRANSFORMS")
        return {
            "library": literal(text, name, "LIBRARY") if "LIBRARY = " in text else str(DEFAULT),
            "transform": {"__class_fullname__": "Compose", "p": 1.0, "transforms": nodes},
        }
    if not isinstance(data, dict) or "transform" not in data:
        raise UserError(f"{name} is not the JSON of A.to_dict: it has no key 'transform'")
    return data


def _exported(data: Mapping[str, Any], whole: Node, name: str) -> Policy | None:
    """The policy that was written along, if the transforms are still what it gives."""
    if "policysearch" not in data:
        return None
    policy = Policy.from_dict(data["policysearch"], name)
    expressed, _ = to_albumentations.reduced(policy)
    written = canonical(json.loads(json.dumps(to_albumentations.transform(expressed))))
    return policy if written == whole else None
