"""The mix of a policy as a `collate_fn` of torch's DataLoader, for images that any library augments."""

from __future__ import annotations

from typing import Any

from policysearch.core.errors import UserError
from policysearch.export.bundle import assemble
from policysearch.export.codegen import Call, Name, rendered
from policysearch.export.lossy import Source, built, head, in_strings, is_for_masks
from policysearch.policy.losses import parse_loss
from policysearch.policy.mixes import Mix, mix_alpha, mix_row
from policysearch.policy.policy import Policy, Stage
from policysearch.policy.steps import SubPolicy

_TEMPLATES = "policysearch.export.templates.mix_collate"
_MIXERS = {"mixup": "mixup", "cutmix": "_cutmix", "sample-pairing": "sample_pairing", "mosaic": "_mosaic"}
_SNAPMIX = "SnapMix needs the network's activation maps, which a data loader does not have"
_PARTS = {
    "softening": "softened targets and weights need what was drawn for each image: --to torchvision writes them along",
    "pair": "two views with a weight for the pair are no mix of a batch: --to torchvision writes them",
}
_NOTE = (
    "Only the mix is in this file. Steps on single images go into the data set, as an export for torchvision, timm or "
    "albumentations has them. Targets are shares of the classes: torch's cross_entropy takes them as they are."
)
_NOTHING: tuple[SubPolicy, ...] = (SubPolicy(),)
_CLASS = '''class LearnedCollate(MixCollate):
    """The mix above."""

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes, MIXES)
'''


def expressible(policy: Policy) -> tuple[Policy, list[str]]:
    """The mixes of the policy as far as a collate function can do them, and what of the policy is lost besides.

    Raises:
        UserError: no mix is left, or it is one of masks.
    """
    if is_for_masks(policy):
        raise UserError(
            f"{policy.name or policy.hash} mixes masks with their images, and this collate function mixes labels: --to "
            "torchvision has one for masks"
        )
    mixes = [policy.mix, *(stage.mix for stage in policy.stages)]
    losses = list(dict.fromkeys(reason for reason in map(_why_not, mixes) if reason))
    losses += [reason for part, reason in _PARTS.items() if getattr(policy, part)]
    loss = parse_loss(policy.about.get("loss"))
    if loss:
        losses.append(f"the loss it was found with ({loss.label}) is no part of a collate function")
    if all(mix is None or _why_not(mix) for mix in mixes):
        reasons = f": {'; '.join(losses)}" if losses else ""
        name = policy.name or policy.hash
        raise UserError(f"{name} has no mix that a collate function could do{reasons}; --to torchvision takes the rest")
    stages = tuple(
        Stage(start=stage.start, sub_policies=_NOTHING, mix=None if _why_not(stage.mix) else stage.mix)
        for stage in policy.stages
    )
    first = None if _why_not(policy.mix) else policy.mix
    return Policy(name=policy.name, about=policy.about, sub_policies=_NOTHING, mix=first, stages=stages), losses


def _why_not(mix: Mix | None) -> str | None:
    if mix is None:
        return None
    row = mix_row(mix.operation)
    return _SNAPMIX if row.needs_maps else in_strings(mix.operation) if row.needs_texts else None


def _mixes(policy: Policy) -> list[tuple[float, Call | None]]:
    """From which share of the training on, and how the batch is mixed."""
    return [(0.0, _mix(policy.mix)), *((stage.start, _mix(stage.mix)) for stage in policy.stages)]


def _mix(mix: Mix | None) -> Call | None:
    return None if mix is None else Call("Mix", [Name(_MIXERS[mix.operation]), mix.probability, mix_alpha(mix)])


def live(policy: Policy, num_classes: int) -> Any:
    """`LearnedCollate` of the exported file as an object."""
    return built(Call("MixCollate", [num_classes, _mixes(policy)]), _TEMPLATES)


def write(policy: Policy, name: str, source: Source | None = None) -> str:
    """The text of the exported file.

    Args:
        policy: one whose mixes a collate function can do.
        name: what the file is imported as.
        source: where the policy comes from, and what of it is left out.
    """
    progress = ["collate.progress = epoch / epochs  # before each epoch"] if policy.stages else []
    use = [
        f"from {name} import LearnedCollate",
        "collate = LearnedCollate(num_classes=10)",
        "loader = DataLoader(data_set, batch_size=128, collate_fn=collate)  # a data set of (image [C, H, W], class)",
        "loss = torch.nn.functional.cross_entropy(network(images), targets)  # of each batch",
        *progress,
    ]
    doc = head(policy, source, ("torch",), use, [_NOTE])
    return assemble(_TEMPLATES, {}, doc, [f"MIXES = {rendered(_mixes(policy), used=8)}", _CLASS])
