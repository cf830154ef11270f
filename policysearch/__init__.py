"""policysearch: search image-augmentation policies with bandits and Optuna.

Names are loaded when first used, so that `import policysearch` imports neither torch, optuna nor ray.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from policysearch.augmentation import augment as augment
    from policysearch.config import SearchConfig as SearchConfig
    from policysearch.errors import UserError as UserError
    from policysearch.policy import Policy as Policy
    from policysearch.runs import SearchResult as SearchResult
    from policysearch.runs import resume as resume
    from policysearch.runs import search as search

__version__ = "0.1.0"

_HOME = {
    "Policy": "policysearch.policy",
    "SearchConfig": "policysearch.config",
    "SearchResult": "policysearch.runs",
    "UserError": "policysearch.errors",
    "augment": "policysearch.augmentation",
    "resume": "policysearch.runs",
    "search": "policysearch.runs",
}
__all__ = [*sorted(_HOME), "__version__"]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'policysearch' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
