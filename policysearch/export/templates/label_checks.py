"""What exported files say about labels that are no classes."""

from __future__ import annotations

from typing import Any


def no_classes(found: str, num_classes: int) -> ValueError:
    """The error for labels that are no classes of `num_classes`."""
    return ValueError(
        f"labels must be classes from 0 to {num_classes - 1}, got {found}: is num_classes {num_classes} right?"
    )


def check_classes(labels: Any, num_classes: int) -> None:
    """Refuse labels [B], an array or tensor, that are no class of `num_classes`."""
    if len(labels) and not (labels.min() >= 0 and labels.max() < num_classes):
        raise no_classes(f"{labels.min()} to {labels.max()}", num_classes)


def class_of(label: Any, num_classes: int) -> int:
    """One label as a whole number; one that is no class of `num_classes` is refused."""
    try:
        whole = int(label)
        is_class = bool(whole == label) and 0 <= whole < num_classes
    except (TypeError, ValueError, ArithmeticError, RuntimeError):
        is_class = False
    if not is_class:
        raise no_classes(f"{label!r:.60}", num_classes)
    return whole
