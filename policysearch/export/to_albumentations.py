"""Policies as a Python file of albumentations' own transforms, or as JSON for `A.from_dict`."""

from __future__ import annotations

import json
from importlib import import_module
from statistics import NormalDist
from typing import Any

from policysearch.core.errors import UserError
from policysearch.core.masks import IGNORE
from policysearch.export.albumentations_dialects import Node, installed, translated
from policysearch.export.albumentations_table import OTHERS, WHOLE, WRITERS, difference, node_of
from policysearch.export.bundle import assemble
from policysearch.export.codegen import quoted, rendered
from policysearch.export.lossy import (
    Source,
    altered,
    head,
    in_order,
    is_for_masks,
    own_operation,
    replaced,
    unsupported,
)
from policysearch.policy.policy import Policy
from policysearch.policy.steps import Normal, OneOf, SomeOf, Step, Uniform

_TEMPLATES = "policysearch.export.templates.albumentations_policy"
_QUANTILES = 7
_NOTE = (
    "All transforms draw from one pair of generators: LearnedPolicy(seed=0) repeats them. A process that gets a copy "
    "of the policy draws anew, in a DataLoader by worker and epoch from the loader's seed. With a plain A.Compose of "
    "albumentations 2.0 all workers and epochs draw the same, and a seed makes the steps depend on each other."
)
_CLASS = '''class LearnedPolicy(AlbumentationsPolicy):
    """The policy above."""

    def __init__(self, transforms: Iterable[Any] = TRANSFORMS, **options: Any) -> None:
        must_fit(LIBRARY)
        super().__init__(transforms, **options)
'''
_USE = (
    "policy = A.from_dict(json.load(open('FILE'))), called with image=uint8 [H, W, C]; in a DataLoader with the lines "
    "of worker_init, or all workers and epochs draw the same (albumentations 2.0); with boxes: "
    "A.Compose(policy.transforms, bbox_params=A.BboxParams('pascal_voc')); with other arguments than the library "
    "named here has, transforms warn and draw from their default ranges: export again where it is installed"
)
_WORKER_INIT = [
    "import random",
    "import numpy",
    "from torch.utils.data import get_worker_info",
    "def worker_init(worker):  # dataset.transform: where your data set keeps the policy",
    "    info = get_worker_info()",
    "    generators = numpy.random.default_rng(info.seed), random.Random(info.seed)",
    "    info.dataset.transform.set_random_state(*generators)",
]


def expressible(policy: Policy) -> tuple[Policy, list[str]]:
    """The policy as far as the installed albumentations can express it, and what is lost."""
    dialect = installed()
    expressed, losses = reduced(policy)
    differences = altered(expressed, lambda step: difference(step.operation, dialect))
    return expressed, [*losses, *differences, *altered(expressed, _change)]


def reduced(policy: Policy) -> tuple[Policy, list[str]]:
    """The policy without what no version of albumentations has, and what is lost."""
    plain, losses = unsupported(policy, "albumentations")
    ordered, disordered = in_order(plain, "albumentations")
    expressed, missing = replaced(ordered, _why_not)
    return expressed, [*losses, *disordered, *missing]


def _why_not(step: Step) -> str | None:
    if step.operation in WRITERS:
        return None
    missing = f"albumentations has no {step.operation} like the one searched"
    if step.operation in OTHERS:
        missing = f"albumentations has no {step.operation}: {OTHERS[step.operation]}"
    return own_operation(step, "albumentations") or missing


def _change(step: Step) -> str | None:
    magnitude = step.magnitude
    if isinstance(magnitude, Normal):
        return f"noisy magnitudes are drawn from {_QUANTILES} quantiles"
    if not isinstance(magnitude, Uniform):
        return None
    if step.operation == "posterize" and max(magnitude.start, magnitude.stop) > 7:
        return "posterize with 8 bits is left out"
    if step.operation in WHOLE:
        return None if _are_whole(magnitude) else f"{step.operation} is drawn from whole numbers, all alike"
    return "magnitudes of levels are drawn from the whole interval" if magnitude.levels else None


def _are_whole(magnitude: Uniform) -> bool:
    """Whether the levels are all whole numbers from one end to the other, or there is only one."""
    ends = (magnitude.start, magnitude.stop)
    all_levels = all(end.is_integer() for end in ends) and magnitude.levels == abs(ends[1] - ends[0]) + 1
    return all_levels or ends[0] == ends[1]


def transform(policy: Policy) -> Node:
    """The `A.Compose` as data, in the names of albumentations 2.0; of a policy for masks, these say what is outside."""
    node = _composed(policy)
    return _with_masks(node) if is_for_masks(policy) else node


def _with_masks(node: Node) -> Node:
    """The node with the number of pixels without a class beside every colour that is put outside of images."""
    masks = {"fill_mask": IGNORE} if "fill" in node else {}
    parts = {"transforms": list(map(_with_masks, node["transforms"]))} if "transforms" in node else {}
    return {**node, **masks, **parts}


def _composed(policy: Policy) -> Node:
    sub_policies = [[_step(step) for step in sub.steps] for sub in policy.sub_policies]
    if len(sub_policies) == 1:
        return node_of("Compose", transforms=sub_policies[0])
    total = sum(sub.weight for sub in policy.sub_policies)
    branches = [
        node_of("Sequential", sub.weight / total, transforms=steps or [node_of("NoOp")])
        for sub, steps in zip(policy.sub_policies, sub_policies, strict=True)
    ]
    return node_of("Compose", transforms=[node_of("OneOf", transforms=branches)])


def _step(step: Step | OneOf | SomeOf) -> Node:
    if isinstance(step, Step):
        return _single(step)
    assert isinstance(step, OneOf)
    p = 1 / len(step.one_of)
    return node_of("OneOf", transforms=[_chosen(_single(choice), choice.probability, p) for choice in step.one_of])


def _chosen(node: Node, probability: float, p: float) -> Node:
    """A choice of a OneOf, to which p is what it is chosen with: one that has a probability keeps it inside."""
    return {**node, "p": p} if probability == 1 else node_of("Sequential", p, transforms=[node])


def _single(step: Step) -> Node:
    parts = [WRITERS[step.operation](*span) for span in _spans(step)]
    if len(parts) == 1:
        return {**parts[0], "p": step.probability}
    return node_of("OneOf", step.probability, transforms=[{**part, "p": 1 / len(parts)} for part in parts])


def _spans(step: Step) -> list[tuple[float, float]]:
    """Intervals of the magnitude with its sign, each drawn alike."""
    spans = _unsigned_spans(step)
    if not step.draws_sign or spans == [(0.0, 0.0)]:
        return spans
    if len(spans) == 1 and spans[0][0] == 0 and step.operation not in WHOLE:
        return [(-spans[0][1], spans[0][1])]
    return [signed for low, high in spans for signed in ((low, high), (-high, -low))]


def _unsigned_spans(step: Step) -> list[tuple[float, float]]:
    magnitude = step.magnitude
    if isinstance(magnitude, Uniform):
        low, high = sorted((magnitude.start, magnitude.stop))
        return [(min(low, 7.0), min(high, 7.0))] if step.operation == "posterize" else [(low, high)]
    if not isinstance(magnitude, Normal):
        return [(magnitude or 0.0, magnitude or 0.0)]
    shares = [(i + 0.5) / _QUANTILES for i in range(_QUANTILES)]
    values = [magnitude.mean + magnitude.std * NormalDist().inv_cdf(share) for share in shares]
    return [(value, value) for value in (min(max(v, step.range[0]), step.range[1]) for v in values)]


def live(policy: Policy) -> Any:
    """`LearnedPolicy` of the exported file as an object.

    Raises:
        UserError: the installed version does not have the arguments that are written for its library.
    """
    import_module("albumentations")
    dialect = installed()
    nodes = translated(transform(policy), dialect)["transforms"]
    try:
        return import_module(_TEMPLATES).AlbumentationsPolicy(nodes)
    except RuntimeError as error:
        raise UserError(f"the arguments of {dialect} are not those that are written here: {error}") from None


def write(policy: Policy, name: str, source: Source | None = None) -> str:
    """The Python file's text, `name` being what it will be imported as."""
    dialect = installed()
    use = [
        f"from {name} import LearnedPolicy, worker_init",
        "policy = LearnedPolicy()  # takes the options of A.Compose: seed, bbox_params, additional_targets",
        *_use(policy),
        "loader = DataLoader(data_set, batch_size=128, num_workers=4, worker_init_fn=worker_init)",
    ]
    doc = head(policy, source, (dialect.library,), use, [_NOTE])
    nodes = translated(transform(policy), dialect)["transforms"]
    replacements = {"LIBRARY": f'LIBRARY = "{quoted(str(dialect))}"'}
    return assemble(_TEMPLATES, replacements, doc, [f"TRANSFORMS = {rendered(nodes, used=13)}", _CLASS])


def _use(policy: Policy) -> list[str]:
    if is_for_masks(policy):
        return [
            f"out = policy(image=image, mask=mask)  # uint8 [H, W, C] and [H, W]; {IGNORE} where a pixel is outside"
        ]
    return ['image = policy(image=image)["image"]  # uint8 [H, W, C]']


def write_json(policy: Policy, source: Source | None = None) -> str:
    """JSON for `A.from_dict(json.load(file))` or `A.load`; `policysearch` in it is the policy itself."""
    dialect = installed()
    data = {
        "use": _USE,
        "worker_init": _WORKER_INIT,
        "library": str(dialect),
        "policysearch": json.loads((source.policy if source else policy).to_json()),
        **({"left_out": list(source.lost)} if source and source.lost else {}),
        "transform": translated(transform(policy), dialect),
    }
    return json.dumps(data, indent=1) + "\n"
