"""Policies as a trainer of Ultralytics' classification networks."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from policysearch.export import to_torchvision
from policysearch.export.hooked import Hooks, text
from policysearch.export.lossy import Source, unsupported
from policysearch.policy.policy import Policy

_HOOKS = Hooks(
    "policysearch.export.templates.ultralytics_trainer",
    ("torch", "torchvision", "ultralytics"),
    "With this trainer Ultralytics' own settings of augmentation (auto_augment, erasing, fliplr, hsv_h, scale and "
    "others) do nothing.",
)
_CLASS = '''class LearnedTrainer(PolicyTrainer):
    """Trains with `LearnedPolicy`."""

    def make_policy(self) -> Any:
        return LearnedPolicy()
'''


def expressible(policy: Policy) -> tuple[Policy, list[str]]:
    """The policy as far as the file can express it, and what is lost."""
    bare, lost = unsupported(policy.model_copy(update={"mixture": None}), "ultralytics-trainer")
    about = {key: value for key, value in bare.about.items() if key not in ("task", "loss")}
    hard = bare.model_copy(update={"mixture": policy.mixture, "about": about})
    expressed, losses = to_torchvision.expressible(hard)
    return expressed, [*lost, *losses]


def live(policy: Policy) -> Any:
    """`LearnedTrainer` of the exported file."""
    templates = import_module(_HOOKS.template)
    return type("LearnedTrainer", (templates.PolicyTrainer,), {"make_policy": lambda self: to_torchvision.live(policy)})


def write(policy: Policy, name: str, source: Source | None = None) -> str:
    """The text of the exported file.

    Args:
        policy: one that the file can express.
        name: what the file is imported as.
        source: where the policy comes from, and what of it is left out.
    """
    use = [
        f"from {name} import LearnedTrainer",
        'YOLO("yolo11n-cls.pt").train(trainer=LearnedTrainer, data="folder", imgsz=224)  # folder/train, folder/val',
    ]
    return text(policy, source, _HOOKS, use, [_CLASS])
