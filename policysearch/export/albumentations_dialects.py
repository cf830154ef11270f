"""The two libraries that are imported as `albumentations`, and how each names the arguments of its transforms.

albumentationsx began as a copy of albumentations 2.0; its version 2.2 renamed arguments. A transform that gets a name
it does not know warns and draws from its default range. Here nodes have the names of albumentations 2.0, and
`translated` gives them those of another dialect.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from types import MappingProxyType
from typing import Any

from policysearch.core.errors import UserError

Node = dict[str, Any]
_RANGES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "Rotate": {"limit": "angle_range"},
        "ColorJitter": {
            "brightness": "brightness_range",
            "contrast": "contrast_range",
            "saturation": "saturation_range",
            "hue": "hue_range",
        },
        "GaussianBlur": {"sigma_limit": "sigma_range", "blur_limit": "blur_range"},
        "ShiftScaleRotate": {
            "shift_limit": "shift_range",
            "shift_limit_x": "shift_range_x",
            "shift_limit_y": "shift_range_y",
            "scale_limit": "scale_range",
            "rotate_limit": "rotate_range",
        },
        "RandomBrightnessContrast": {"brightness_limit": "brightness_range", "contrast_limit": "contrast_range"},
    }
)
"""By transform: the names of albumentations 2.0, and those of albumentationsx since 2.2."""
_NAMES_OF_2_0 = {kind: {name: old for old, name in names.items()} for kind, names in _RANGES.items()}


@dataclass(frozen=True)
class Dialect:
    """A library with its version.

    Attributes:
        library: albumentations or albumentationsx.
        number: of its version, such as 2.0.8.
    """

    library: str
    number: str

    def __str__(self) -> str:
        return f"{self.library} {self.number}"

    @property
    def renamed(self) -> bool:
        """Whether arguments have the names of albumentationsx 2.2."""
        return self._since(2, 2)

    @property
    def multiplies_brightness(self) -> bool:
        """Whether RandomBrightnessContrast is brightness and contrast as torchvision has them."""
        return self._since(2, 3, 8)

    @property
    def equalizes_as_pillow(self) -> bool:
        """Whether Equalize with mode pil gives Pillow's pixels."""
        return self._since(2, 4, 13)

    def _since(self, *release: int) -> bool:
        return self.library == "albumentationsx" and _release(self.number) >= release


DEFAULT = Dialect("albumentations", "2.0")
"""What files are written for where neither library is installed."""


def installed() -> Dialect:
    """The library that is installed here; `DEFAULT` where there is none.

    Raises:
        UserError: it is older than albumentations 2.0, whose arguments have yet other names.
    """
    numbers = {name: number for name in ("albumentations", "albumentationsx") if (number := _number(name))}
    if len(numbers) > 1:
        # One has overwritten the files of the other: the module knows which.
        imported = import_module("albumentations").__version__
        numbers = {name: number for name, number in numbers.items() if number == imported} or numbers
    if not numbers:
        return DEFAULT
    dialect = Dialect(*numbers.popitem())
    if _release(dialect.number) < (2, 0):
        raise UserError(
            f"{dialect} is installed, whose transforms take other arguments: install albumentations 2.0 or newer, or "
            "albumentationsx"
        )
    return dialect


def dialect_of(data: Mapping[str, Any]) -> Dialect:
    """The library that a file of `A.to_dict` or of an export was written by."""
    words = str(data.get("library", "")).split()
    if len(words) == 2:
        return Dialect(*words)
    number = str(data.get("__version__", DEFAULT.number))
    # albumentations ended with 2.0.8, and albumentationsx went on from there.
    return Dialect("albumentationsx" if _release(number) > (2, 0, 8) else "albumentations", number)


def translated(node: Mapping[str, Any], dialect: Dialect) -> Node:
    """A node of transforms with the names that the library has for their arguments."""
    return _renamed(node, _RANGES) if dialect.renamed else dict(node)


def canonical(node: Mapping[str, Any]) -> Node:
    """A node in any dialect, with the names of albumentations 2.0 and classes without their modules."""
    return _renamed(node, _NAMES_OF_2_0)


def _renamed(node: Mapping[str, Any], names_of: Mapping[str, Mapping[str, str]]) -> Node:
    kind = str(node["__class_fullname__"]).rpartition(".")[2]
    names = names_of.get(kind, {})
    renamed = {names.get(name, name): value for name, value in node.items()}
    renamed["__class_fullname__"] = kind
    if "transforms" in node:
        renamed["transforms"] = [_renamed(part, names_of) for part in node["transforms"]]
    return renamed


def _number(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def _release(number: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d{1,9}", number)[:3])
