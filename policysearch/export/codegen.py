"""Python expressions as text, formatted as ruff formats them, and words made safe to stand in source code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH = 120


@dataclass(frozen=True)
class Name:
    """A name of the program that is written."""

    name: str


@dataclass(frozen=True)
class Call:
    """A call of a name, with positional and named arguments."""

    function: str
    arguments: Sequence[object] = ()
    named: Mapping[str, object] | None = None


def quoted(text: str, most: int = 200) -> str:
    """`text` on one line, fit to stand within triple quotes or a comment: no quote, backslash or control character
    that means anything."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    line = line if len(line) <= most else line[: most - 1] + "…"
    return line.replace("\\", "\\\\").replace('"', '\\"')


def rendered(value: object, indent: int = 0, used: int = 0) -> str:
    """The expression for a value.

    Args:
        value: numbers, text, None, lists, tuples, dictionaries, `Name` and `Call` of such.
        indent: of the line that it starts on, in spaces.
        used: how much of that line is taken before and after it.
    """
    line = _flat(value)
    if indent + used + len(line) <= WIDTH or not _parts(value):
        return line
    opening, parts, closing = _open(value)
    inner = " " * (indent + 4)
    lines = [f"{inner}{head}{rendered(part, indent + 4, len(head) + 1)}," for head, part in parts]
    return "\n".join([opening, *lines, " " * indent + closing])


def _parts(value: object) -> list[tuple[str, object]]:
    return _open(value)[1] if isinstance(value, list | tuple | dict | Call) else []


def _open(value: object) -> tuple[str, list[tuple[str, object]], str]:
    """The opening bracket, the parts with their prefixes (names, keys), the closing bracket."""
    if isinstance(value, Call):
        named = [(f"{name}=", part) for name, part in (value.named or {}).items()]
        return f"{value.function}(", [*(("", part) for part in value.arguments), *named], ")"
    if isinstance(value, dict):
        return "{", [(f"{_flat(key)}: ", part) for key, part in value.items()], "}"
    assert isinstance(value, list | tuple)
    return ("[" if isinstance(value, list) else "("), [("", p) for p in value], "]" if isinstance(value, list) else ")"


def _flat(value: object) -> str:
    if isinstance(value, Name):
        return value.name
    if isinstance(value, str):
        return f'"{quoted(value)}"'
    if isinstance(value, list | tuple | dict | Call):
        opening, parts, closing = _open(value)
        comma = "," if isinstance(value, tuple) and len(parts) == 1 else ""
        return opening + ", ".join(head + _flat(part) for head, part in parts) + comma + closing
    return repr(value)
