"""`policysearch.schedules` under its former name: what people import from it is in `policysearch` itself now."""

import warnings

from policysearch.policy.curricula import *  # noqa: F403

warnings.warn(
    "policysearch.schedules has moved: import the same names from policysearch instead",
    DeprecationWarning,
    stacklevel=2,
)
