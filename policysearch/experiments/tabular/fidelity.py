"""How much training a pull buys."""

from __future__ import annotations

from dataclasses import dataclass

from policysearch.core.errors import UserError

_DIGITS = 12


@dataclass(frozen=True, order=True)
class Fidelity:
    """How much training a pull buys."""

    images: int
    epochs: int

    @property
    def cost(self) -> int:
        """Images that pass through the network."""
        return self.images * self.epochs

    def __str__(self) -> str:
        return f"{self.images}x{self.epochs}"

    @staticmethod
    def parse(text: str) -> Fidelity:
        """Read `IMAGESxEPOCHS`.

        Raises:
            UserError: it is not two whole numbers above 0.
        """
        images, _, epochs = text.strip().partition("x")
        if not all(part.isdecimal() and int(part[:_DIGITS]) > 0 and len(part) < _DIGITS for part in (images, epochs)):
            raise UserError(f"a fidelity is IMAGESxEPOCHS, as 500x80, got {text!r}")
        return Fidelity(int(images), int(epochs))
