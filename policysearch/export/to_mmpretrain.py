"""Policies as an MMPretrain config: text of data, which mmengine reads, and live pipelines."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from policysearch.export.codegen import Call, rendered
from policysearch.export.lossy import Source, altered, head, in_order, own_operation, replaced, unsupported
from policysearch.export.mmpretrain_table import Node, difference, node_of, why_not
from policysearch.export.templates.random_choices import evenly_spaced
from policysearch.policy.mixes import Mix, mix_alpha
from policysearch.policy.policy import Policy
from policysearch.policy.steps import Normal, OneOf, SomeOf, Step, SubPolicy, Uniform, choices

_MIXES = {"mixup": "Mixup", "cutmix": "CutMix"}
_ONE_MIX = "MMPretrain mixes all images of a batch by one λ, or none of them: here each image has its own"
_NOTE = (
    "Images are those that LoadImageFromFile gives: uint8, three channels in the order blue, green, red. Put the "
    "transforms after those that give all images one size, and before PackInputs; the data preprocessor normalises. "
    "Configs have default_scope = 'mmpretrain', as all of MMPretrain's own. "
    "Draws come from NumPy's global generator, which mmengine and torch's DataLoader seed in each worker."
)


def expressible(policy: Policy) -> tuple[Policy, list[str]]:
    """The policy as far as a config can say it, and what is lost."""
    mix = policy.mix if policy.mix is not None and policy.mix.operation in _MIXES else None
    plain, lost = unsupported(policy.model_copy(update={"mix": None}) if mix else policy, "mmpretrain")
    ordered, disordered = in_order(plain, "mmpretrain")
    expressed, missing = replaced(ordered, _why_not)
    losses = [*lost, *disordered, *missing, *altered(expressed, difference)]
    if mix:
        return expressed.model_copy(update={"mix": mix}), [*losses, _ONE_MIX]
    return expressed, losses


def _why_not(step: Step) -> str | None:
    unknown = own_operation(step, "mmpretrain") or why_not(step)
    if unknown is None and step.operation == "random-erasing" and isinstance(step.magnitude, Normal):
        return f"MMPretrain draws {step.operation} evenly, not from a normal distribution"
    return unknown


def pipeline(policy: Policy) -> list[Node]:
    """The transforms of a policy, in order."""
    subs = policy.sub_policies
    if len(subs) == 1:
        return _sequence(subs[0])
    node: Node = {"type": "RandomChoice", "transforms": [_sequence(sub) for sub in subs]}
    weights = [sub.weight for sub in subs]
    return [node if len(set(weights)) == 1 else {**node, "prob": _shares(weights)}]


def _shares(weights: list[float]) -> list[float]:
    """Probabilities whose sum is 1 to the last bit, which MMPretrain checks."""
    shares = [weight / sum(weights) for weight in weights]
    return [*shares[:-1], 1.0 - sum(shares[:-1])]


def _sequence(sub: SubPolicy) -> list[Node]:
    return [node for step in sub.steps for node in _nodes(step)]


def _nodes(step: Step | OneOf | SomeOf) -> list[Node]:
    if isinstance(step, Step):
        return _of_levels(step)
    return [{"type": "RandomChoice", "transforms": [_of_levels(choice) for choice in choices(step)]}]


def _of_levels(step: Step) -> list[Node]:
    """The transform of a step; of several levels, one of as many transforms."""
    magnitude = step.magnitude
    if step.operation == "identity":
        return []
    if not isinstance(magnitude, Uniform) or not magnitude.levels:
        return [node_of(step)]
    values = evenly_spaced(magnitude.start, magnitude.stop, magnitude.levels)
    fixed = [step.model_copy(update={"magnitude": round(value, 12)}) for value in values]
    return [{"type": "RandomChoice", "transforms": [[node_of(one)] for one in fixed]}]


def _train_cfg(mix: Mix | None) -> Node | None:
    """The model's part of the config: the mix of the batch."""
    if mix is None:
        return None
    augment = {"type": _MIXES[mix.operation], "alpha": float(mix_alpha(mix))}
    return {"augments": [augment], "probs": [mix.probability]}


def live(policy: Policy) -> Any:
    """The pipeline as MMPretrain builds it: it takes and gives `{"img": uint8 [H, W, 3]}`, blue first."""
    import_module("mmpretrain.datasets")  # Registers the transforms.
    scopes = import_module("mmengine.registry").DefaultScope
    # What a transform holds is looked up in the scope that MMPretrain's configs set.
    with scopes.overwrite_default_scope("mmpretrain"):
        return import_module("mmcv.transforms").Compose(pipeline(policy))


def write(policy: Policy, name: str, source: Source | None = None) -> str:
    """The text of the config.

    Args:
        policy: one that a config can say.
        name: what the file is called, without its ending.
        source: where the policy comes from, and what of it is left out.
    """
    use = [
        f'_base_ = ["./my_training.py", "./{name}.py"]  # or only the latter, and the rest of your config below',
        'train_pipeline = [dict(type="LoadImageFromFile"), dict(type="Resize", scale=224),',
        '                  *_base_.learned_policy, dict(type="PackInputs")]',
        "train_dataloader = dict(dataset=dict(pipeline=train_pipeline))",
    ]
    doc = head(policy, source, ("mmpretrain", "mmengine"), use, [_NOTE])
    blocks = [f'"""{doc}\n"""', _assignment("learned_policy", pipeline(policy))]
    train_cfg = _train_cfg(policy.mix)
    if train_cfg:
        blocks.append(_assignment("model", {"train_cfg": train_cfg}))
    return "\n\n".join(blocks) + "\n"


def _assignment(name: str, value: object) -> str:
    return f"{name} = {rendered(_calls(value), used=len(name) + 3)}"


def _calls(value: object) -> object:
    """Dictionaries as calls of `dict`, as MMPretrain's configs are written."""
    if isinstance(value, dict):
        return Call("dict", [], {key: _calls(part) for key, part in value.items()})
    return [_calls(part) for part in value] if isinstance(value, list) else value
