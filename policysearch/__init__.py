"""policysearch: search image-augmentation policies with bandits and Optuna.

Names are loaded when first used, so that `import policysearch` imports neither torch, optuna nor ray.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from policysearch.core.version import __version__

if TYPE_CHECKING:
    from policysearch.augmentation import augment as augment
    from policysearch.augmentation import augment_lines as augment_lines
    from policysearch.augmentation import augment_masks as augment_masks
    from policysearch.augmentation import register as register
    from policysearch.augmentation import replay as replay
    from policysearch.augmentation import soft_loss as soft_loss
    from policysearch.augmentation.targets import augment_targets as augment_targets
    from policysearch.augmentation.views import drawn_views as drawn_views
    from policysearch.augmentation.views import views as views
    from policysearch.child.class_activation import activation_maps as activation_maps
    from policysearch.child.losses import make_loss as make_loss
    from policysearch.core.errors import UserError as UserError
    from policysearch.experiments.evaluation.run import evaluate as evaluate
    from policysearch.experiments.evaluation.settings import EvaluateSettings as EvaluateSettings
    from policysearch.experiments.online.run import online as online
    from policysearch.experiments.online.settings import OnlineSettings as OnlineSettings
    from policysearch.experiments.search.result import SearchResult as SearchResult
    from policysearch.experiments.search.run import resume as resume
    from policysearch.experiments.search.run import search as search
    from policysearch.experiments.tta.run import tta as tta
    from policysearch.experiments.tta.settings import TtaSettings as TtaSettings
    from policysearch.policy.classes import with_classes as with_classes
    from policysearch.policy.curricula import curriculum as curriculum
    from policysearch.policy.curricula import decayed as decayed
    from policysearch.policy.losses import parse_loss as parse_loss
    from policysearch.policy.operations import KINDS as KINDS
    from policysearch.policy.operations import Operation as Operation
    from policysearch.policy.policy import Policy as Policy
    from policysearch.policy.tta import TtaPolicy as TtaPolicy
    from policysearch.study.config import SearchConfig as SearchConfig
    from policysearch.study.rule_sampler import RuleSampler as RuleSampler

# Code that people wrote for 0.1 imports `policysearch.operations` and `policysearch.schedules`.
__path__.append(str(Path(__file__).parent / "policy" / "renamed"))

_HOME = {
    "KINDS": "policysearch.policy.operations",
    "EvaluateSettings": "policysearch.experiments.evaluation.settings",
    "OnlineSettings": "policysearch.experiments.online.settings",
    "Operation": "policysearch.policy.operations",
    "Policy": "policysearch.policy.policy",
    "RuleSampler": "policysearch.study.rule_sampler",
    "SearchConfig": "policysearch.study.config",
    "SearchResult": "policysearch.experiments.search.result",
    "TtaPolicy": "policysearch.policy.tta",
    "TtaSettings": "policysearch.experiments.tta.settings",
    "UserError": "policysearch.core.errors",
    "activation_maps": "policysearch.child.class_activation",
    "augment": "policysearch.augmentation",
    "augment_lines": "policysearch.augmentation",
    "augment_masks": "policysearch.augmentation",
    "augment_targets": "policysearch.augmentation.targets",
    "curriculum": "policysearch.policy.curricula",
    "decayed": "policysearch.policy.curricula",
    "drawn_views": "policysearch.augmentation.views",
    "evaluate": "policysearch.experiments.evaluation.run",
    "make_loss": "policysearch.child.losses",
    "online": "policysearch.experiments.online.run",
    "parse_loss": "policysearch.policy.losses",
    "register": "policysearch.augmentation",
    "replay": "policysearch.augmentation",
    "resume": "policysearch.experiments.search.run",
    "search": "policysearch.experiments.search.run",
    "soft_loss": "policysearch.augmentation",
    "tta": "policysearch.experiments.tta.run",
    "views": "policysearch.augmentation.views",
    "with_classes": "policysearch.policy.classes",
}
__all__ = [*sorted(_HOME), "__version__"]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'policysearch' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
