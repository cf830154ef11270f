"""The settings of a data set and of its split, without NumPy or torch."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from policysearch.core.errors import UserError, shortened
from policysearch.core.settings import Mark, Settings
from policysearch.core.user_code import absolute_function
from policysearch.datasets.registry import NAMED, SHIPPED

SMALLEST, LARGEST = 8, 512
"""Pixels that an image's side may have."""


class DataSettings(Settings):
    """Which images, and how they are brought to one size."""

    data: Annotated[
        str,
        Field(description="a name (see `policysearch data`), a folder of images or Parquet, PATH.npz, module:function"),
    ] = "fashion-small"
    data_root: Annotated[str, Field(description="where torchvision's data sets are, or are downloaded to")] = "data"
    download: Annotated[bool, Field(description="let torchvision and timm download what is not there")] = False
    resize: Annotated[
        str | None,
        Field(description="one size for all images, in pixels: 32, or 32x48 (height x width)"),
        Mark.REPORTED,
    ] = None
    aspect: Annotated[
        Literal["crop", "pad", "stretch", "line"],
        Field(
            description="how --resize treats another aspect: crop the middle, pad with black, or stretch; line: keep "
            "the height, repeat the last column on the right, squeeze what is too wide (the default of text-lines)"
        ),
        Mark.REPORTED,
    ] = "crop"
    background: Annotated[
        Literal["white", "black"],
        Field(description="what transparent places of an image are put on"),
        Mark.REPORTED,
    ] = "white"
    image_column: Annotated[
        str | None, Field(description="Parquet: the column of images; default: image, img or the only one there is")
    ] = None
    label_column: Annotated[
        str | None, Field(description="Parquet: the column of labels; default: label, fine_label or the only such")
    ] = None
    group: Annotated[
        str | None,
        Field(
            description="images that must stay on one side of a split: near (those that look nearly the same), "
            "a column of the data, or a CSV file of image,group"
        ),
    ] = None
    skip_damaged: Annotated[bool, Field(description="leave out images that cannot be read")] = False

    @field_validator("resize", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        """`resize = 32` in a file is a number."""
        return str(value) if type(value) is int else value

    @field_validator("resize")
    @classmethod
    def _is_a_size(cls, text: str | None) -> str | None:
        sides = [int(side) for side in text.split("x")] if text and re.fullmatch(r"\d{1,4}(x\d{1,4})?", text) else []
        if text is not None and not (sides and SMALLEST <= min(sides) <= max(sides) <= LARGEST):
            raise UserError(f"a size is 32 or 32x48, sides {SMALLEST} to {LARGEST} pixels, got {shortened(text)!r}")
        return text

    def places(self) -> dict[str, str]:
        """Those settings that are paths, absolute, so that they hold in any folder."""
        data = absolute_function(self.data)
        if data not in {*SHIPPED, *NAMED} and Path(data).exists():
            data = str(Path(data).resolve())
        places = {"data": data, "data_root": str(Path(self.data_root).resolve())}
        if self.group is not None and Path(self.group).is_file():
            places["group"] = str(Path(self.group).resolve())
        return places

    @property
    def size(self) -> tuple[int, int] | None:
        """(height, width) that all images are brought to, or None."""
        if self.resize is None:
            return None
        sides = [int(side) for side in self.resize.split("x")]
        return sides[0], sides[-1]


class SplitSettings(Settings):
    """How training images are divided into those trained on and those that pulls are judged by."""

    validation: Annotated[
        int | None,
        Field(ge=2, description="validation images cut from train; default: a third, at most 5,000"),
        Mark.FIXED,
    ] = None
    split_seed: Annotated[
        int,
        Field(ge=0, lt=2**63, description="seed of the train/validation split"),
        Mark.FIXED,
    ] = 0
