"""How inputs are normalised, as a text that people write; no torch in here."""

from __future__ import annotations

import math
from dataclasses import dataclass

from policysearch.core.errors import UserError

DATA = "data"
"""The mean and deviation of the training side, as without weights."""
_NAMED = {"imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))}
_FORMS = "data, imagenet or MEANS/DEVIATIONS, as 0.485,0.456,0.406/0.229,0.224,0.225"


@dataclass(frozen=True)
class Normalisation:
    """Means and deviations of grey values 0 to 255, one for each channel: inputs are (image - mean) / deviation.

    Example:
        >>> Normalisation((100.0, 110.0, 120.0), (50.0, 50.0, 50.0)).for_channels(1)
        Normalisation(mean=(110.0,), std=(50.0,))
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def for_channels(self, channels: int) -> Normalisation:
        """The same for images of so many channels: grey ones get the mean over channels, coloured ones that of grey.

        Args:
            channels: 1 or 3.
        """
        if len(self.mean) == channels:
            return self
        mean, std = (sum(values) / len(values) for values in (self.mean, self.std))
        return Normalisation((mean,) * channels, (std,) * channels)


def of_unit_range(mean: tuple[float, ...], std: tuple[float, ...]) -> Normalisation:
    """The normalisation whose numbers are of pixels in [0, 1], as torchvision's `Normalize` takes them."""
    return Normalisation(tuple(255 * value for value in mean), tuple(255 * value for value in std))


def parse_normalisation(text: str) -> Normalisation | None:
    """Read the setting `--normalisation`.

    Args:
        text: data, imagenet or MEANS/DEVIATIONS of pixels in [0, 1].

    Returns:
        The normalisation; None for that of the data.

    Raises:
        UserError: it is none of these.

    Example:
        >>> parse_normalisation("0.2/0.4")
        Normalisation(mean=(51.0,), std=(102.0,))
    """
    if text == DATA:
        return None
    if text in _NAMED:
        return of_unit_range(*_NAMED[text])
    means, _, deviations = text.partition("/")
    try:
        mean, std = (tuple(float(number) for number in part.split(",")) for part in (means, deviations))
    except ValueError:
        raise UserError(f"--normalisation must be {_FORMS}, got {text!r}") from None
    if len(mean) != len(std) or len(mean) not in (1, 3):
        raise UserError(
            f"--normalisation needs as many means as deviations, 1 for grey images or 3, got {len(mean)} and {len(std)}"
        )
    if not all(0 <= value <= 1 for value in mean) or not all(0 < value <= 10 for value in std) or _odd(mean, std):
        raise UserError(
            f"--normalisation is of pixels in [0, 1]: means lie there, and deviations are above 0, got {text!r}"
        )
    return of_unit_range(mean, std)


def _odd(*numbers: tuple[float, ...]) -> bool:
    return not all(math.isfinite(value) for values in numbers for value in values)
