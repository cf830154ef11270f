"""Policies as a hook of a LightningDataModule and a callback."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from policysearch.export import to_torchvision
from policysearch.export.hooked import Hooks, of_single_views, text
from policysearch.export.lossy import Source
from policysearch.policy.losses import OnlineLabelSmoothing, parse_loss
from policysearch.policy.policy import Policy

_HOOKS = Hooks(
    "policysearch.export.templates.lightning_hooks",
    ("torch", "torchvision", "lightning"),
    "The hook augments in the process that trains, batch by batch. To augment in the loader's workers, put the policy "
    "into the data set instead, and its collate, if it has one, into the DataLoader. Without a data module the hook "
    "goes before L.LightningModule.",
)
_CLASS = '''class LearnedHook(BatchHook):
    """`LearnedPolicy` on each training batch: images uint8 [B, C, H, W] and classes [B]."""

    def make_policy(self) -> Any:
        return LearnedPolicy()
'''
_SOFT_CLASS = '''class LearnedHook(SoftBatchHook):
    """`SoftLearnedPolicy` on each training batch, which becomes images, targets and weights; needs `num_classes`."""

    def make_policy(self) -> Any:
        return SoftLearnedPolicy(self.num_classes)
'''
_CALLBACK = '''class LearnedCallback(PolicyCallback):
    """Tells a policy, or the data module that has one, the share of the training done."""
'''
_STEP = (
    "value = loss(self.network(images.float() / 255), targets, weights)  # in training_step: images, targets, weights"
)
_PLAIN_STEP = "value = cross_entropy(self.network(images.float() / 255), labels)  # in training_step: images, labels"


def expressible(policy: Policy) -> tuple[Policy, list[str]]:
    """The policy as far as the file can express it, and what is lost."""
    return of_single_views(policy, "lightning")


def live(policy: Policy, num_classes: int | None = None) -> Any:
    """The hook of the exported file as a class to inherit from, before `LightningDataModule`."""
    templates = import_module(_HOOKS.template)
    kind = templates.BatchHook if num_classes is None else templates.SoftBatchHook
    attributes = {"make_policy": lambda self: to_torchvision.live(policy, num_classes), "num_classes": num_classes}
    return type("LearnedHook", (kind,), attributes)


def write(policy: Policy, name: str, source: Source | None = None) -> str:
    """The text of the exported file.

    Args:
        policy: one that the file can express.
        name: what the file is imported as.
        source: where the policy comes from, and what of it is left out.
    """
    soft = to_torchvision.is_soft(policy)
    tail = [_SOFT_CLASS if soft else _CLASS, *([_CALLBACK] if policy.stages else [])]
    return text(policy, source, _HOOKS, _use(policy, name, soft), tail)


def _use(policy: Policy, name: str, soft: bool) -> list[str]:
    online = isinstance(parse_loss(policy.about.get("loss")), OnlineLabelSmoothing)
    loss = ["OnlineLabelSmoothing" if online else "loss"] if soft else []
    names = ["LearnedHook", *loss, *(["LearnedCallback"] if policy.stages else [])]
    callbacks = ["trainer = L.Trainer(callbacks=[LearnedCallback(data.policy)])  # data = Data(...)"]
    return [
        f"from {name} import {', '.join(sorted(names, key=str.lower))}",
        "class Data(LearnedHook, L.LightningDataModule):  # with loaders of uint8 images [B, C, H, W] and classes [B]",
        *(["    num_classes = 10"] if soft else []),
        "    ...",
        _STEP if soft else _PLAIN_STEP,
        *(callbacks if policy.stages else []),
    ]
