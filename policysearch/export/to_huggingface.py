"""Policies as transforms of Hugging Face data sets, around an image processor of transformers."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from policysearch.export import to_torchvision
from policysearch.export.hooked import Hooks, of_single_views, text
from policysearch.export.lossy import Source
from policysearch.policy.losses import OnlineLabelSmoothing, parse_loss
from policysearch.policy.policy import Policy

_HOOKS = Hooks(
    "policysearch.export.templates.huggingface_hooks",
    ("torch", "torchvision", "transformers"),
    "The processor resizes, the policy augments, the processor normalises. Trainers need remove_unused_columns=False, "
    "as for every transform of a data set.",
)
_ONLINE = "online label smoothing learns after every epoch, of which a trainer's loss knows nothing: it is left out"
_CLASS = '''class LearnedTransform(ProcessorTransform):
    """`LearnedPolicy` between the halves of a processor, for `set_transform`."""

    def __init__(self, processor: Any, image: str = "image", label: str = "label") -> None:
        super().__init__(LearnedPolicy(), processor, image, label)
'''
_SOFT_CLASS = '''class LearnedTransform(SoftProcessorTransform):
    """`SoftLearnedPolicy` between the halves of a processor, for `set_transform`; `collate` is the `data_collator`."""

    def __init__(self, processor: Any, num_classes: int, image: str = "image", label: str = "label") -> None:
        super().__init__(SoftLearnedPolicy(num_classes), processor, image, label)
'''
_LOSS = '''def compute_loss(outputs: Any, labels: Tensor, num_items_in_batch: Any = None) -> Any:
    """For a trainer's `compute_loss_func`: the loss above, of what `LearnedTransform.collate` gives."""
    return loss_of_labels(loss, outputs["logits"], labels, num_items_in_batch)
'''
_PROGRESS = '''class LearnedProgress(ProgressCallback):
    """For a trainer's `callbacks`: tells `LearnedTransform` the share of the training done."""
'''


def expressible(policy: Policy) -> tuple[Policy, list[str]]:
    """The policy as far as the file can express it, and what is lost."""
    expressed, losses = of_single_views(policy, "huggingface")
    if isinstance(parse_loss(policy.about.get("loss")), OnlineLabelSmoothing):
        about = {key: value for key, value in expressed.about.items() if key != "loss"}
        return expressed.model_copy(update={"about": about}), [*losses, _ONLINE]
    return expressed, losses


def live(policy: Policy, processor: Any, num_classes: int | None = None) -> Any:
    """`LearnedTransform` of the exported file as an object; with `num_classes` the one that softens and mixes."""
    templates = import_module(_HOOKS.template)
    transform = to_torchvision.live(policy, num_classes)
    kind = templates.ProcessorTransform if num_classes is None else templates.SoftProcessorTransform
    return kind(transform, processor)


def write(policy: Policy, name: str, source: Source | None = None) -> str:
    """The text of the exported file.

    Args:
        policy: one that the file can express.
        name: what the file is imported as.
        source: where the policy comes from, and what of it is left out.
    """
    soft = to_torchvision.is_soft(policy)
    tail = [_SOFT_CLASS, _LOSS] if soft else [_CLASS]
    return text(policy, source, _HOOKS, _use(policy, name, soft), [*tail, *([_PROGRESS] if policy.stages else [])])


def _use(policy: Policy, name: str, soft: bool) -> list[str]:
    names = ["LearnedTransform", *(["compute_loss"] if soft else []), *(["LearnedProgress"] if policy.stages else [])]
    more = ["    data_collator=transform.collate, compute_loss_func=compute_loss,"] if soft else []
    callbacks = ["    callbacks=[LearnedProgress(transform)],"] if policy.stages else []
    return [
        f"from {name} import {', '.join(sorted(names))}",
        'processor = AutoImageProcessor.from_pretrained("google/vit-base-patch16-224-in21k")',
        f"transform = LearnedTransform(processor{', num_classes=10' if soft else ''})",
        "train_data.set_transform(transform)  # a data set with the columns image and label",
        "trainer = Trainer(",
        '    network, TrainingArguments("out", remove_unused_columns=False), train_dataset=train_data,',
        *more,
        *callbacks,
        ")",
    ]
