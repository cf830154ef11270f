"""An estimate with its interval, without NumPy or SciPy, so that what only writes one down starts fast."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A mean or a share, and the ends of its 95 % interval; nan where one run leaves the interval unknown."""

    mean: float
    low: float
    high: float

    @property
    def of_share(self) -> Estimate:
        """The same for a share, whose interval ends at 0 and 1; ends that are not known stay nan.

        Example:
            >>> Estimate(0.98, 0.94, 1.02).of_share
            Estimate(mean=0.98, low=0.94, high=1.0)
        """
        # The order of the arguments matters: max(nan, 0.0) is nan.
        return Estimate(self.mean, max(self.low, 0.0), min(self.high, 1.0))
