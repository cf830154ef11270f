"""Population Based Augmentation's schedules: rows of 60 numbers, each the policy of some epochs."""

from __future__ import annotations

import ast
import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from policysearch.core.errors import UserError
from policysearch.policy.policy import Policy, Stage
from policysearch.policy.steps import SomeOf, Step, SubPolicy

_SIDE = 32
"""Pixels of the authors' images: their translations and cutouts are in pixels."""
_COUNTS = (0.2, 0.3, 0.5)
_TOP = 10
"""The level that would be the whole of a range; the highest that the search draws is one less."""


@dataclass(frozen=True)
class _Row:
    """One operation of the authors' table: its name here, its magnitude by level, and whether a sign is drawn."""

    operation: str
    magnitude: Callable[[int], float] | None = None
    signed: bool = True


def _enhancing(operation: str) -> _Row:
    return _Row(operation, lambda level: level * 1.8 / _TOP + 0.1 - 1, signed=False)


_ROWS = (
    _Row("autocontrast"),
    _Row("equalize"),
    _Row("invert"),
    _Row("rotate", lambda level: float(level * 30 // _TOP)),
    _Row("posterize", lambda level: float(4 - level * 4 // _TOP)),
    _Row("solarize", lambda level: float(256 - level * 256 // _TOP)),
    _enhancing("color"),
    _enhancing("contrast"),
    _enhancing("brightness"),
    _enhancing("sharpness"),
    _Row("shear-x", lambda level: level * 0.3 / _TOP),
    _Row("shear-y", lambda level: level * 0.3 / _TOP),
    _Row("translate-x", lambda level: level * 10 // _TOP / _SIDE),
    _Row("translate-y", lambda level: level * 10 // _TOP / _SIDE),
    _Row("cutout", lambda level: level * 20 // _TOP / _SIDE),
)
"""In the order of the authors' code; each is twice in a row of numbers: all fifteen, then all again."""

_LENGTH = 2 * 2 * len(_ROWS)
_NOTE = (
    "interpolation is nearest, cutout hides with black, not grey; the authors flip, crop by 4 of 32 pixels and cut out "
    "a square of 16 after it, which no schedule says: write these steps into the policy if they are wanted"
)


def read(text: str, name: str, epochs: int | None = None) -> tuple[Policy, list[str]]:
    """A policy with a stage for each change of the schedule, and in what it is not the same.

    Args:
        text: the log of one child as Tune writes it (`[taker, taken, epoch, epoch of the taken, policy before, policy
            after]` on each line); or a list of rows, one per epoch, or of [epochs, row]. A row has 60 whole numbers:
            probability in tenths and level of each operation. JSON or Python literals; nothing is run.
        name: what the text is called in complaints.
        epochs: that the search trained, which a log does not say.

    Raises:
        UserError: it is no such schedule; the message names the line or entry.
    """
    data = _data(text, name)
    parts = _of_log(data, name, epochs) if _is_log(data) else _of_list(data, name, epochs)
    total = sum(length for length, _ in parts)
    return _policy(parts, total), [_NOTE]


def _data(text: str, name: str) -> list[Any]:
    """The value of a text, or of each of its lines."""
    for texts in ([text], text.splitlines()):
        try:
            values = [_literal(part) for part in texts if part.strip()]
        except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
            continue
        data = values[0] if len(texts) == 1 and values else values
        if not isinstance(data, list | tuple) or not data:
            break
        return [data] if _is_entry(data) else list(data)
    raise UserError(f"{name} is no schedule: it must be lines of a Tune log, or a list of rows, in JSON or Python")


def _literal(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Python says of code that is not run
            return ast.literal_eval(text.strip())


def _is_entry(data: Sequence[Any]) -> bool:
    """Whether this is one line of a log."""
    return len(data) == 6 and isinstance(data[0], str) and isinstance(data[1], str)


def _is_log(data: Sequence[Any]) -> bool:
    return all(isinstance(entry, list | tuple) and _is_entry(entry) for entry in data)


def _of_log(data: Sequence[Any], name: str, epochs: int | None) -> list[tuple[int, list[int]]]:
    """(epochs, row) of the policies that the child of the last line went through."""
    if epochs is None:
        raise UserError(
            f"{name} is a log, which does not say how long its search trained: give --epochs (the paper's CIFAR-10 "
            "search trained 200 epochs, its SVHN search 160)"
        )
    if epochs < 1:
        raise UserError(f"--epochs must be 1 or more, got {epochs}")
    entries = [_entry(entry, f"{name}, line {i}") for i, entry in enumerate(data, 1)]
    # The log may hold lines of other children before; the last unbroken chain is the child's own.
    while (broken := _break(entries)) is not None:
        entries = entries[broken + 1 :]

    begins = [0, *(entry.epoch for entry in entries)]
    rows = [entries[0].before, *(entry.after for entry in entries)]
    ends = [*begins[1:], epochs]
    lengths = [end - begin for begin, end in zip(begins, ends, strict=True)]
    if min(lengths) < 0:
        raise UserError(f"{name}: epochs must grow from line to line and end at --epochs {epochs}, got {begins[1:]}")
    return [(length, row) for length, row in zip(lengths, rows, strict=True) if length]


@dataclass(frozen=True)
class _Entry:
    """One line of a log: who took whom over, after how many epochs of the taken, and both policies."""

    taker: str
    taken: str
    epoch: int
    before: list[int]
    after: list[int]


def _entry(entry: Sequence[Any], where: str) -> _Entry:
    epoch = entry[3]
    if isinstance(epoch, bool) or not isinstance(epoch, int) or epoch < 0:
        raise UserError(f"{where}: an epoch is a whole number, got {epoch!r:.40}")
    before, after = (_row(_of_config(policy), where) for policy in entry[4:6])
    return _Entry(entry[0], entry[1], epoch, before, after)


def _of_config(policy: Any) -> Any:
    return policy.get("hp_policy") if isinstance(policy, Mapping) else policy


def _break(entries: Sequence[_Entry]) -> int | None:
    """The last line whose child is not taken over by the next line's; None where all are linked."""
    breaks = [i for i in range(len(entries) - 1) if entries[i].taker != entries[i + 1].taken]
    return breaks[-1] if breaks else None


def _of_list(data: Sequence[Any], name: str, epochs: int | None) -> list[tuple[int, list[int]]]:
    parts = [_part(entry, f"{name}, row {i}") for i, entry in enumerate(data, 1)]
    total = sum(length for length, _ in parts)
    if epochs not in (None, total):
        raise UserError(f"{name} has {total} epochs, and --epochs is {epochs}: leave it out")
    return parts


def _part(entry: Any, where: str) -> tuple[int, list[int]]:
    """(epochs, row) of [epochs, row], or of a row that holds for one."""
    if isinstance(entry, list | tuple) and len(entry) == 2:
        length, row = entry
        if isinstance(length, bool) or not isinstance(length, int) or length < 1:
            raise UserError(f"{where}: its epochs must be a whole number, 1 or more, got {length!r:.40}")
        return length, _row(_of_config(row), where)
    return 1, _row(_of_config(entry), where)


def _row(row: Any, where: str) -> list[int]:
    if not isinstance(row, list | tuple) or len(row) != _LENGTH:
        size = f"{len(row)} entries" if isinstance(row, list | tuple) else f"{row!r:.40}"
        raise UserError(f"{where}: a policy is {_LENGTH} whole numbers, got {size}")
    for i, value in enumerate(row):
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _TOP:
            what = "level" if i % 2 else "probability in tenths"
            raise UserError(
                f"{where}: number {i + 1}, a {what}, must be a whole number from 0 to {_TOP}, got {value!r:.40}"
            )
    return list(row)


def _policy(parts: Sequence[tuple[int, list[int]]], total: int) -> Policy:
    """One policy with stages; what does not change from one part to the next is no stage of its own."""
    stages: list[Stage] = []
    first = last = _sub_policies(parts[0][1])
    begin = 0
    for length, row in parts:
        sub_policies = _sub_policies(row)
        if sub_policies != last:
            stages.append(Stage(start=begin / total, sub_policies=sub_policies))
        last, begin = sub_policies, begin + length
    return Policy(sub_policies=first, stages=tuple(stages))


def _sub_policies(row: Sequence[int]) -> tuple[SubPolicy, ...]:
    """None, one or two of the operations, in random order; those of probability 0 are left out: they do nothing."""
    steps = tuple(_steps(row))
    if not steps:
        return (SubPolicy(),)
    return (SubPolicy(steps=(SomeOf(some_of=steps, counts=_counts(len(steps))),)),)


def _steps(row: Sequence[int]) -> Iterator[Step]:
    for place, kind in enumerate((*_ROWS, *_ROWS)):
        tenths, level = row[2 * place : 2 * place + 2]
        if not tenths:
            continue
        if kind.magnitude is None:
            yield Step(operation=kind.operation, probability=tenths / 10)
        else:
            magnitude = round(kind.magnitude(level), 12)
            yield Step(operation=kind.operation, probability=tenths / 10, magnitude=magnitude, signed=kind.signed)


def _counts(steps: int) -> tuple[float, ...]:
    """How many are applied, of which there cannot be more than there are."""
    return _COUNTS if steps > 1 else (_COUNTS[0], _COUNTS[1] + _COUNTS[2])
