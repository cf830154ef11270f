"""Test-time policies as values: the views of an image whose predictions are averaged, and the temperature then."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from policysearch.core.errors import UserError
from policysearch.core.files import write_whole
from policysearch.policy.documents import from_content, hash_of, read_document
from policysearch.policy.operations import OPERATIONS, SHIPPED_OPERATIONS, Operation, operation
from policysearch.policy.steps import Finite, Value, check_range

CROP_BOX = "crop-box"
"""An operation of views alone: a box with the image's shape at a fixed place, resized to the whole.

Its magnitude is the box's side as a share of the image's, its numbers say where in the room that is left its top and
its left side lie (0: at the edge, 0.5: in the middle, 1: at the other edge).
"""
_NO_VIEWS = frozenset({"noise", "hide-character"})
_BOX = Operation(CROP_BOX, "crop", "share of the side", 0.05, 1, 1, numbers=2)
_IN_WORDS = {
    (0.0, 0.0): "top left",
    (0.0, 1.0): "top right",
    (1.0, 0.0): "bottom left",
    (1.0, 1.0): "bottom right",
    (0.5, 0.5): "centre",
}


def can_be_viewed(name: str) -> bool:
    """Whether an operation can make a view.

    It comes with the program, hides nothing, is not made for lines of text alone, and draws nothing for each pixel.
    """
    if name == CROP_BOX:
        return True
    return name in SHIPPED_OPERATIONS and OPERATIONS[name].kind not in ("mask", "warp") and name not in _NO_VIEWS


class ViewStep(Value):
    """One operation of a view with everything that a policy would draw: its magnitude with its sign, and its numbers.

    Attributes:
        operation: a name of `policysearch operations`, or `crop-box`.
        magnitude: in the operation's unit, its sign included; 0 for operations without one.
        numbers: in [0, 1], what the operation needs besides: places and shapes.

    Raises:
        UserError: the operation makes no views, or the magnitude or the count of numbers is not one that it takes.
    """

    operation: str
    magnitude: Finite = 0.0
    numbers: tuple[Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)], ...] = ()

    @model_validator(mode="after")
    def _fits_the_operation(self) -> ViewStep:
        row = _BOX if self.operation == CROP_BOX else operation(self.operation)
        if not can_be_viewed(self.operation):
            raise UserError(
                f"{self.operation} cannot make a view: it hides or draws pixels, is for lines of text, or is your own"
            )
        if row.has_magnitude:
            check_range(row, row.signed_range, self.magnitude)
        if len(self.numbers) != row.numbers:
            raise UserError(f"{row.name} needs {row.numbers} numbers, got {len(self.numbers)}")
        return self

    @property
    def words(self) -> str:
        """The step in a few words: `rotate -12.5`, `crop 88 % top left`."""
        if self.operation == CROP_BOX:
            y, x = self.numbers
            return f"crop {100 * self.magnitude:.0f} % {_IN_WORDS.get((y, x), f'at {y:g}, {x:g}')}"
        if not operation(self.operation).has_magnitude:
            return self.operation
        return f"{self.operation} {self.magnitude:g}"


class View(Value):
    """What every image is turned into before one of the passes: steps in order; none for the image as it is.

    Example:
        >>> View(steps=({"operation": "flip-horizontal"}, {"operation": "rotate", "magnitude": -5.0})).words
        'flip-horizontal, rotate -5'
    """

    steps: tuple[ViewStep, ...] = ()

    @property
    def words(self) -> str:
        """The view in a few words."""
        return ", ".join(step.words for step in self.steps) or "as it is"


class TtaPolicy(Value):
    """Views whose predicted probabilities are averaged with equal weights, and the temperature for their mean.

    The prediction for an image is softmax(log(mean of softmax(logits of a view)) / temperature). `name` and `about`
    (where it came from) are no part of its identity: `hash` depends on the views and the temperature alone.

    Example:
        >>> flip = TtaPolicy(name="flip", views=classic_views("flip"), temperature=1.2)
        >>> [view.words for view in flip.views]
        ['as it is', 'flip-horizontal']
        >>> TtaPolicy.from_dict(json.loads(flip.to_json())).hash == flip.hash
        True
    """

    name: str = ""
    views: Annotated[tuple[View, ...], Field(min_length=1, max_length=1000)]
    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    version: Annotated[Literal["policysearch.tta/1"], Field(alias="schema")] = "policysearch.tta/1"
    about: dict[str, Any] = Field(default_factory=dict)

    @cached_property
    def hash(self) -> str:
        """Twelve hex digits of the SHA-256 of the views and the temperature."""
        content = self.model_dump(mode="json", include={"views", "temperature"})
        return hash_of(content)

    def to_json(self) -> str:
        """The test-time policy as JSON, its hash written along."""
        data = self.model_dump(mode="json", exclude={"version"})
        return json.dumps({"schema": self.version, "hash": self.hash, **data}, indent=1, ensure_ascii=False)

    def save(self, path: str | Path) -> None:
        """Write it as JSON, replacing the file at once."""
        write_whole(Path(path), self.to_json() + "\n")

    @classmethod
    def from_dict(cls, data: object, source: str = "test-time policy") -> TtaPolicy:
        """Build from parsed JSON.

        Raises:
            UserError: a field is wrong, or the hash written along is not the content's.
        """
        return from_content(cls, data, source)

    @classmethod
    def load(cls, path: str | Path) -> TtaPolicy:
        """Read a file that `save` has written; nothing in it is executed.

        Raises:
            UserError: the file is missing, is no JSON, or holds no valid test-time policy.
        """
        source = f"test-time policy {str(path)!r}"
        return cls.from_dict(read_document(path, source), source)


_FLIP = ViewStep(operation="flip-horizontal")
_LARGE, _SMALL = 0.875, 0.75  # 224 of 256 pixels, as of AlexNet's crops; and of 299
_CORNERS = ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0))


def _box(side: float, y: float = 0.5, x: float = 0.5) -> View:
    return View(steps=(ViewStep(operation=CROP_BOX, magnitude=side, numbers=(y, x)),))


def _shift(pixels: float) -> View:
    both = ("translate-y-pixels", "translate-x-pixels")
    return View(steps=tuple(ViewStep(operation=name, magnitude=pixels) for name in both))


def _with_flips(views: tuple[View, ...]) -> tuple[View, ...]:
    return (*views, *(View(steps=(_FLIP, *view.steps)) for view in views))


_FIVE = (*(_box(_LARGE, *corner) for corner in _CORNERS), _box(_LARGE))
_SCALES = (View(), _box(_LARGE), _box(_SMALL))
_SHIFTS = (View(), _shift(-1.0), _shift(1.0))

CLASSICS: Mapping[str, tuple[View, ...]] = MappingProxyType(
    {
        "identity": (View(),),
        "flip": _with_flips((View(),)),
        "scales": _SCALES,
        "five-crops": _FIVE,
        "flipped-scales": _with_flips(_SCALES),
        "flipped-shifts": _with_flips(_SHIFTS),
        "ten-crops": _with_flips(_FIVE),
    }
)
"""The fixed test-time policies of the literature, by name: the image as it is; with its mirror image; three scales; the
four corners and the centre (Krizhevsky et al. 2012), each also mirrored; and shifts by a pixel, mirrored too (Jordan
2024). The crops have 7/8 of the side, as 224 of 256 pixels, the smallest scale 3/4."""


def classic_views(name: str) -> tuple[View, ...]:
    """The views of a fixed test-time policy.

    Raises:
        UserError: none has that name.
    """
    if name not in CLASSICS:
        raise UserError(f"no classic test-time policy is called {name!r}: there are {', '.join(CLASSICS)}")
    return CLASSICS[name]
