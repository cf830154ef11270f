"""policysearch: search image-augmentation policies with bandits and Optuna.

Names are loaded when first used, so that `import policysearch` imports neither torch, optuna nor ray.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from policysearch.augmentation import augment as augment
    from policysearch.augmentation import register as register
    from policysearch.augmentation import replay as replay
    from policysearch.augmentation import soft_loss as soft_loss
    from policysearch.child.activation import activation_maps as activation_maps
    from policysearch.child.losses import make_loss as make_loss
    from policysearch.config import SearchConfig as SearchConfig
    from policysearch.errors import UserError as UserError
    from policysearch.evaluation.evaluating import evaluate as evaluate
    from policysearch.evaluation.settings import EvaluateSettings as EvaluateSettings
    from policysearch.loss import parse_loss as parse_loss
    from policysearch.operations import Operation as Operation
    from policysearch.policy import Policy as Policy
    from policysearch.results import SearchResult as SearchResult
    from policysearch.runs import resume as resume
    from policysearch.runs import search as search
    from policysearch.sampler import RuleSampler as RuleSampler

__version__ = "0.1.0"

_HOME = {
    "EvaluateSettings": "policysearch.evaluation.settings",
    "Operation": "policysearch.operations",
    "Policy": "policysearch.policy",
    "RuleSampler": "policysearch.sampler",
    "SearchConfig": "policysearch.config",
    "SearchResult": "policysearch.results",
    "UserError": "policysearch.errors",
    "activation_maps": "policysearch.child.activation",
    "augment": "policysearch.augmentation",
    "evaluate": "policysearch.evaluation.evaluating",
    "make_loss": "policysearch.child.losses",
    "parse_loss": "policysearch.loss",
    "register": "policysearch.augmentation",
    "replay": "policysearch.augmentation",
    "resume": "policysearch.runs",
    "search": "policysearch.runs",
    "soft_loss": "policysearch.augmentation",
}
__all__ = [*sorted(_HOME), "__version__"]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'policysearch' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
