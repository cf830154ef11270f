"""Policies as a Python file that needs only torch and torchvision, and as live transforms."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from policysearch.core.errors import UserError
from policysearch.core.masks import IGNORE
from policysearch.core.tasks import SELF_SUPERVISED
from policysearch.export.bundle import assemble
from policysearch.export.codegen import Call, Name, rendered
from policysearch.export.lossy import (
    Source,
    built,
    head,
    in_strings,
    is_for_masks,
    own_operation,
    replaced,
    without_network,
)
from policysearch.export.torchvision_plan import Plan
from policysearch.policy.class_parts import by_class_index
from policysearch.policy.classes import differs_by_class, policy_of, unmeasured, without_unmeasured
from policysearch.policy.losses import Loss, OnlineLabelSmoothing, loss_in_words, parse_loss
from policysearch.policy.mixes import Mix, mix_row
from policysearch.policy.policy import Policy

_TEMPLATES = "policysearch.export.templates.torchvision_all"
_SNAPMIX = "SnapMix needs the network's activation maps, which a data loader does not have: the mix is left out"
SEEDS = (
    "Needs torchvision 0.21 or newer. Draws come from torch's global generator: torch.manual_seed, or a DataLoader's "
    "own seeds, repeat them."
)
_FUNCTIONS = {"label-smoothing": "label_smoothing", "focal": "focal", "bi-tempered": "bi_tempered"}
_TYPES = {
    "GEOMETRY": "frozenset[Operation]",
    "HIDING": "frozenset[Operation]",
    "KEPT": "dict[Operation, Callable[[Tensor, Tensor, Tensor], Tensor]]",
}
_CLASS = '''class LearnedPolicy({base}):
    """{title}"""

    def __init__(self) -> None:
        super().__init__({arguments})
'''
_SOFT_CLASS = '''class SoftLearnedPolicy(TargetTransform):
    """`LearnedPolicy` with the targets and weights that it was found with."""

    def __init__(self, num_classes: int) -> None:
        super().__init__(LearnedPolicy(), num_classes, {softening}, MIXES{classes})
'''
_PAIR_CLASS = '''class LearnedPair(TwoViews):
    """Two views of an image by `LearnedPolicy`, and what the pair of them counts."""

    def __init__(self) -> None:
        super().__init__(LearnedPolicy(), {pair})
'''
_MASK_CLASS = '''class LearnedSegmentation(MaskTransform):
    """`LearnedPolicy` for images with masks, and the mix of their batches."""

    def __init__(self, ignore: int = {ignore}) -> None:
        super().__init__(LearnedPolicy(), MIXES)
        self.policy.ignore = ignore
'''
_LOSS = '''def loss(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """{words}.

    Of logits [B, classes], targets [B, classes] and weights [B].
    """
    return {call}
'''


_USE_OF_PAIRS = """from {name} import LearnedPair
pair = LearnedPair()
first, second, weight = pair(image)  # in the data set: a PIL image or uint8 [C, H, W], without a label
loader = DataLoader(data_set, batch_size=512, collate_fn=pair.collate)
value = (weights * distance(network(first.float() / 255), network(second.float() / 255))).mean()  # weights [B]
"""
_USE_OF_MASKS = """from {name} import LearnedSegmentation
policy = LearnedSegmentation(ignore=255)  # what masks have where pixels are hidden or come from outside
image, mask = policy(image, mask)  # in the data set: PIL images, or uint8 [C, H, W] and whole numbers [H, W]
loader = DataLoader(data_set, batch_size=16, collate_fn=policy.collate)
value = cross_entropy(network(images.float() / 255), masks, ignore_index=255)  # masks [B, H, W] int64
"""
_UNMEASURED = "the confusion by which targets are spread has not been measured: they are spread evenly"
_STAGE_SOFTENING = "the file has one softening curve for the whole training: that of later stages is left out"


def expressible(policy: Policy) -> tuple[Policy, list[str]]:
    """The policy as far as the file can express it, and what is lost."""
    bare, missing = without_network(policy)
    expressed, lost = replaced(bare, lambda step: own_operation(step, "torchvision"))
    lost = [*lost, *missing]
    mixes = [expressed.mix, *(stage.mix for stage in expressed.stages)]
    reasons = dict.fromkeys(reason for reason in map(_why_not_mixed, mixes) if reason)
    if reasons:
        stages = tuple(stage.model_copy(update={"mix": None}) for stage in expressed.stages)
        expressed, lost = expressed.model_copy(update={"mix": None, "stages": stages}), [*lost, *reasons]
    if any(stage.softening for part in (expressed, *_of_classes(expressed).values()) for stage in part.stages):
        stages = tuple(stage.model_copy(update={"softening": None}) for stage in expressed.stages)
        expressed, lost = expressed.model_copy(update={"stages": stages}), [*lost, _STAGE_SOFTENING]
    if unmeasured(expressed):
        expressed, lost = without_unmeasured(expressed), [*lost, _UNMEASURED]
    return expressed, lost


def _of_classes(policy: Policy) -> dict[int, Policy]:
    """What images of the classes that differ draw from, with its stages, by the index of the class.

    Raises:
        UserError: a class is called by name.
    """
    keys = dict.fromkeys([*policy.classes, *(key for stage in policy.stages for key in stage.classes or ())])
    return {index: policy_of(policy, str(index)) for index in by_class_index(keys)}


def _why_not_mixed(mix: Mix | None) -> str | None:
    """Why a mix is not written; None where it is, or there is none."""
    if mix is None:
        return None
    row = mix_row(mix.operation)
    return _SNAPMIX if row.needs_maps else in_strings(mix.operation) if row.needs_texts else None


def live(policy: Policy, num_classes: int | None = None) -> Any:
    """The class of the exported file as an object.

    Args:
        policy: one that the file can express.
        num_classes: None for `LearnedPolicy`, `LearnedPair` or `LearnedSegmentation`, otherwise for
            `SoftLearnedPolicy`.

    Raises:
        UserError: classes are given for a policy of pairs or of masks, which needs none, or are missing for one that
            differs by class, or are fewer than it calls.
    """
    plan, parts = Plan(policy), _of_classes(policy)
    _check_classes(policy, parts, num_classes)
    transform = built(plan.transform(plan.stages), _TEMPLATES)
    if _has_pairs(policy):
        if num_classes is not None:
            raise UserError(
                f"{policy.name or policy.hash} gives two views of an image without a label: leave out num_classes, "
                f"got {num_classes}"
            )
        return import_module(_TEMPLATES).TwoViews(transform, built(plan.pair, _TEMPLATES))
    if plan.has_masks:
        if num_classes is not None:
            raise UserError(f"{policy.name or policy.hash} is for masks, one class per pixel: leave out num_classes")
        return import_module(_TEMPLATES).MaskTransform(transform, built(plan.mixes, _TEMPLATES))
    if num_classes is None:
        return transform
    target = import_module(_TEMPLATES).TargetTransform
    softening, mixes = built(plan.softening, _TEMPLATES), built(plan.mixes, _TEMPLATES)
    return target(transform, num_classes, softening, mixes, built(_class_parts(parts), _TEMPLATES))


def _check_classes(policy: Policy, parts: Mapping[int, Policy], num_classes: int | None) -> None:
    name = policy.name or policy.hash
    if parts and num_classes is None:
        raise UserError(f"{name} differs by class, and so needs labels: give num_classes, as to_torchvision(10)")
    if parts and num_classes is not None and max(parts) >= num_classes:
        raise UserError(f"{name} has a part for class {max(parts)}, and there are classes 0..{num_classes - 1}")


def _class_parts(parts: Mapping[int, Policy]) -> dict[int, tuple[Call, Call | None]]:
    """The transform and the softening of classes that differ."""
    plans = {index: Plan(part) for index, part in parts.items()}
    return {index: (plan.transform(plan.stages), plan.softening) for index, plan in plans.items()}


def write(policy: Policy, name: str, source: Source | None = None) -> str:
    """The text of the exported file.

    Args:
        policy: one that the file can express.
        name: what the file is imported as.
        source: where the policy comes from, and what of it is left out.
    """
    definitions, tail = parts(policy)
    use = _use(policy, name, is_soft(policy), parse_loss(policy.about.get("loss")))
    doc = head(policy, source, ("torch", "torchvision"), use, [SEEDS])
    return assemble(_TEMPLATES, definitions, doc, tail)


def parts(policy: Policy) -> tuple[dict[str, str], list[str]]:
    """What a file that has the policy replaces and ends with, for `assemble`: its constants and its classes."""
    plan, loss = Plan(policy), parse_loss(policy.about.get("loss"))
    tail = [*_policy(plan), *(_soft(plan, loss) if is_soft(policy) else []), *_pair(plan), *_masks(plan)]
    definitions = {name: _assignment(f"{name}: {_TYPES[name]}", value) for name, value in plan.sets().items()}
    return definitions, tail


def is_soft(policy: Policy) -> bool:
    """Whether it gives targets and weights, so that `SoftLearnedPolicy` is written."""
    loss, mixes = parse_loss(policy.about.get("loss")), [policy.mix, *(stage.mix for stage in policy.stages)]
    return not is_for_masks(policy) and bool(policy.softening or loss or any(mixes) or differs_by_class(policy))


def _policy(plan: Plan) -> list[str]:
    """POLICY or STAGES, and the class; choices that occur more than once are named constants."""
    stages, shared = _named_choices(plan.stages)
    staged = len(stages) > 1
    constant, value = ("STAGES", stages) if staged else ("POLICY", stages[0][1])
    call = plan.transform([Name("*STAGES")] if staged else [(0.0, Name("POLICY"))])
    arguments = rendered(Call("", call.arguments, call.named))[1:-1]
    which = "The policy above" + (" of the classes without one of their own" if differs_by_class(plan.policy) else "")
    title = f"{which}, set `progress` to the share of the training done." if staged else f"{which}."
    return [
        *(_assignment(name, choice) for name, choice in shared.items()),
        _assignment(constant, value),
        _CLASS.format(base=call.function, title=title, arguments=arguments),
    ]


def _assignment(name: str, value: object) -> str:
    return f"{name} = {rendered(value, used=len(name) + 3)}"


def _named_choices(stages: list[tuple[float, list[Call]]]) -> tuple[list[tuple[float, list[Call]]], dict[str, Call]]:
    texts = [rendered(step) for _, subs in stages for sub in subs for step in _steps(sub)]
    shared: dict[str, Call] = {}
    names: dict[str, str] = {}

    def step(call: Call) -> object:
        text = rendered(call)
        if call.function == "Step" or texts.count(text) < 2:
            return call
        if text not in names:
            names[text] = f"CHOICE_{len(names) + 1}" if len(set(texts)) > 1 else "CHOICE"
            shared[names[text]] = call
        return Name(names[text])

    def sub_policy(call: Call) -> Call:
        return Call(call.function, [list(map(step, _steps(call))), *call.arguments[1:]])

    return [(start, list(map(sub_policy, subs))) for start, subs in stages], shared


def _steps(sub: Call) -> list[Call]:
    steps = sub.arguments[0]
    assert isinstance(steps, list)
    return steps


def _soft(plan: Plan, loss: Loss | None) -> list[str]:
    softening = plan.softening
    constants = [_assignment("SOFTENING", softening)] if softening else []
    constants.append(_assignment("MIXES", plan.mixes))
    parts = _class_parts(_of_classes(plan.policy))
    if parts:
        constants.append(_assignment("CLASSES", parts))
    return [
        *constants,
        _SOFT_CLASS.format(softening="SOFTENING" if softening else "None", classes=", CLASSES" if parts else ""),
        *([] if isinstance(loss, OnlineLabelSmoothing) else [_loss(loss)]),
    ]


def _has_pairs(policy: Policy) -> bool:
    """Whether it is for training on two views of each image."""
    return policy.pair is not None or policy.about.get("task") == SELF_SUPERVISED


def _pair(plan: Plan) -> list[str]:
    if not _has_pairs(plan.policy):
        return []
    constants = [_assignment("PAIR", plan.pair)] if plan.pair else []
    return [*constants, _PAIR_CLASS.format(pair="PAIR" if plan.pair else "None")]


def _masks(plan: Plan) -> list[str]:
    if not plan.has_masks:
        return []
    return [_assignment("MIXES", plan.mixes), _MASK_CLASS.format(ignore=IGNORE)]


def _loss(loss: Loss | None) -> str:
    arguments = [Name("logits"), Name("targets"), Name("weights")]
    if loss is None:
        call, words = Call("soft_loss", arguments), "KL(target || softmax), one weight per image"
    else:
        call, words = Call(_FUNCTIONS[loss.kind], arguments, loss.settings), loss_in_words(loss)
    return _LOSS.format(words=words[0].upper() + words[1:], call=rendered(call, 4, 7))


def _use(policy: Policy, name: str, soft: bool, loss: Loss | None) -> list[str]:
    """Three lines of use, and more where targets are softened or mixed, or the policy changes on the way."""
    place = (
        "pair.policy"
        if _has_pairs(policy)
        else "policy.policy"
        if soft or is_for_masks(policy)
        else "transform.transforms[0]"
    )
    progress = [f"{place}.progress = epoch / epochs  # before each epoch"] if policy.stages else []
    plain = [
        f"from {name} import LearnedPolicy",
        "transform = v2.Compose([LearnedPolicy(), v2.ToDtype(torch.float32, scale=True)])",
        "image = transform(image)  # a PIL image, uint8 [C, H, W], or uint8 [B, C, H, W] with a draw per image",
    ]
    if _has_pairs(policy):
        return [*_USE_OF_PAIRS.format(name=name).splitlines(), *progress]
    if is_for_masks(policy):
        return [*_USE_OF_MASKS.format(name=name).splitlines(), *progress]
    if not soft:
        return [*plain, *progress]
    learned = isinstance(loss, OnlineLabelSmoothing)
    constructor = f"OnlineLabelSmoothing({loss.alpha}, 10, device)" if isinstance(loss, OnlineLabelSmoothing) else ""
    after = "  # and loss.end_epoch() after every epoch" if learned else ""
    return [
        f"from {name} import {'OnlineLabelSmoothing, SoftLearnedPolicy' if learned else 'SoftLearnedPolicy, loss'}",
        f"policy = SoftLearnedPolicy(num_classes=10){f'; loss = {constructor}' if learned else ''}",
        "sample = policy(image, label)  # in the data set: image, target distribution, weight",
        "loader = DataLoader(data_set, batch_size=128, collate_fn=policy.collate)",
        f"value = loss(network(images.float() / 255), targets, weights){after}",
        *progress,
    ]
