"""The fixed policies of the literature, as policies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from types import MappingProxyType

from pydantic import ValidationError

from policysearch.core.errors import UserError, unknown_name
from policysearch.core.tasks import CLASSIFICATION, TASKS
from policysearch.policy.adaptive import Adaptive
from policysearch.policy.autoaugment_tables import AUTOAUGMENT
from policysearch.policy.line_presets import randaugment_lines, tia
from policysearch.policy.mixes import Mixture
from policysearch.policy.operations import OPERATIONS, RANDAUGMENT_OPERATIONS
from policysearch.policy.pair_presets import color_jitter, simsiam, weighted_simsiam
from policysearch.policy.policy import Policy
from policysearch.policy.softening import Curve, Softening
from policysearch.policy.steps import Magnitude, Normal, OneOf, Step, SubPolicy, Uniform

LEVELS = 31
FLIP = Step(operation="flip-horizontal", probability=0.5)
PADDED_CROP = Step(operation="pad-and-crop", magnitude=0.125)
BEFORE: Mapping[str, tuple[Step, ...]] = MappingProxyType(
    {"flip+": (FLIP,), "crop+": (PADDED_CROP,), "flip-crop+": (FLIP, PADDED_CROP)}
)
"""Before the name of a preset: the same after a horizontal flip, the crop of `flip-crop`, or both."""
WIDE_NAMES = {"translate-x": "translate-x-pixels", "translate-y": "translate-y-pixels"}
"""Operations that stand for others on TrivialAugment's wide ranges."""


def _after(prefix: str, policy: Policy) -> Policy:
    """The policy after a flip or a crop, with both of which RandAugment and TrivialAugment are trained in print."""
    if policy.mixture:
        raise UserError(f"preset '{prefix}{policy.name}' is none: {policy.name} averages draws of an image")
    subs = tuple(sub.model_copy(update={"steps": (*BEFORE[prefix], *sub.steps)}) for sub in policy.sub_policies)
    return policy.model_copy(update={"name": f"{prefix}{policy.name}", "sub_policies": subs})


def without_prefix(name: str) -> str:
    """The name of a preset without what `BEFORE` puts before it.

    Example:
        >>> without_prefix("flip-crop+randaugment:2,9"), without_prefix("flip-crop")
        ('randaugment:2,9', 'flip-crop')
    """
    prefix = _prefix(name)
    return name.removeprefix(prefix)


def _prefix(name: str) -> str:
    return next((prefix for prefix in BEFORE if name.startswith(prefix)), "")


def _one(name: str, *steps: Step | OneOf, softening: Softening | None = None) -> Policy:
    return Policy(name=name, sub_policies=(SubPolicy(steps=steps),), softening=softening)


def _randaugment(n: float = 2, m: float = 9, std: float = 0) -> Policy:
    """RandAugment (Cubuk et al. 2020): n operations of fourteen at level m of 0..30, torchvision's ranges.

    With `std` the level is drawn from N(m, std²) for each operation of each image (timm's `mstd`).
    """
    if not (n in range(1, 11) and m in range(LEVELS) and 0 <= std <= LEVELS):
        raise UserError(
            f"randaugment:N,M,STD takes whole N in 1..10 and M in 0..{LEVELS - 1}, and STD in 0..{LEVELS}, "
            f"got {n:g},{m:g},{std:g}"
        )
    choices = tuple(Step(operation=name, magnitude=_near(name, m, std)) for name in RANDAUGMENT_OPERATIONS)
    title = f"randaugment:{n:g},{m:g}" + (f",{std:g}" if std else "")
    return _one(title, *[OneOf(one_of=choices)] * int(n))


def _near(name: str, level: float, std: float) -> Magnitude | None:
    row = OPERATIONS[name]
    mean = row.magnitude_at(level, LEVELS)
    if mean is None or row.standard is None or not std:
        return mean
    return Normal(mean=mean, std=std * abs(row.standard[1] - row.standard[0]) / (LEVELS - 1))


def _trivialaugment(wide: bool) -> OneOf:
    """TrivialAugment (Müller & Hutter 2021): one of fourteen operations at a level drawn evenly of 0..30."""
    return OneOf(one_of=tuple(any_level(name, wide) for name in RANDAUGMENT_OPERATIONS))


def any_level(name: str, wide: bool) -> Step:
    """An operation of the table at a level drawn evenly of 0..30, on TrivialAugment's wide ranges or RandAugment's."""
    row = OPERATIONS[WIDE_NAMES.get(name, name) if wide else name]
    span = row.wide if wide else row.standard
    if span is None:
        return Step(operation=row.name)
    return Step(operation=row.name, magnitude=Uniform(start=span[0], stop=span[1], levels=LEVELS))


def _soft_crop(sigma: float = 0.3, k: float = 2) -> Policy:
    """Soft Augmentation's CIFAR setting: flip, σ 0.3, k 2, target and weight (Liu et al. 2023, section 4.1)."""
    return _one(_titled("soft-crop", sigma, k), FLIP, _crop(sigma), softening=Softening(k=k, mode="both"))


def _soft_crop_trivialaugment(sigma: float = 0.3, k: float = 2) -> Policy:
    """The same before TrivialAugment, whose operations are not softened."""
    curve = Softening(mode="both", p_min=1, operations={"soft-crop": Curve(k=k)})
    title = _titled("soft-crop-trivialaugment", sigma, k)
    return _one(title, FLIP, _crop(sigma), _trivialaugment(wide=True), softening=curve)


def _crop(sigma: float) -> Step:
    return Step(operation="soft-crop", magnitude=sigma)


def _titled(name: str, sigma: float, k: float) -> str:
    return name if (sigma, k) == (0.3, 2) else f"{name}:{sigma:g},{k:g}"


def _autoaugment(name: str) -> Policy:
    """AutoAugment (Cubuk et al. 2019, tables 7 to 9): 25 sub-policies of two steps at levels 0..9."""
    return Policy(name=f"autoaugment-{name}", sub_policies=tuple(map(_published, AUTOAUGMENT[name])))


def _published(line: str) -> SubPolicy:
    """A sub-policy from "operation probability level, operation probability level" (no level where it has none)."""
    steps = []
    for words in map(str.split, line.split(",")):
        magnitude = OPERATIONS[words[0]].magnitude_at(int(words[2]), 10) if len(words) > 2 else None
        steps.append(Step(operation=words[0], probability=float(words[1]), magnitude=magnitude))
    return SubPolicy(steps=tuple(steps))


_AUGMIX: dict[str, tuple[float, float] | None] = {
    "autocontrast": None,
    "equalize": None,
    "posterize": (4, 0),
    "rotate": (0, 30),
    "solarize": (255, 0),
    "shear-x": (0, 0.3),
    "shear-y": (0, 0.3),
    "translate-x": (0, 1 / 3),
    "translate-y": (0, 1 / 3),
}


def _augmix() -> Policy:
    """AugMix (Hendrycks et al. 2020): three chains of one to three of nine operations, mixed with the original.

    The operations are the paper's, at severity 3 of 10 (levels 0, 1 or 2 of ten, torchvision's ranges).
    """
    spans = {name: None if span is None else _lowest(*span) for name, span in _AUGMIX.items()}
    choice = OneOf(one_of=tuple(Step(operation=name, magnitude=span) for name, span in spans.items()))
    chains = tuple(SubPolicy(steps=(choice,) * depth) for depth in (1, 2, 3))
    return Policy(name="augmix", sub_policies=chains, mixture=Mixture())


def _lowest(start: float, stop: float) -> Uniform:
    return Uniform(start=start, stop=start + (stop - start) * 2 / 9, levels=3)


def _adaptive(name: str, rule: str) -> Policy:
    """One of RandAugment's fourteen operations on its own ranges, its magnitude from the rule (Yang et al. 2024).

    Both papers augment so, then flip, crop and cut out, which are left to `flip+NAME` and to policies written by hand.
    Levels are 0 to 30 of 31 here; the published code rounds up, to 1 at least.
    """
    policy = _one(name, _trivialaugment(wide=False))
    return policy.model_copy(update={"adaptive": Adaptive(rule=rule)})


def _sample_aware(n: float = 2) -> Policy:
    """Sample-aware RandAugment (Xiao et al. 2025): n of fourteen operations, both at the image's own magnitude.

    Every operation drawn is applied, as in the published setting for CIFAR.
    """
    if n not in range(1, 11):
        raise UserError(f"sample-aware-randaugment:N takes a whole N in 1..10, got {n:g}")
    steps = [OneOf(one_of=tuple(_any_strength(name) for name in RANDAUGMENT_OPERATIONS))] * int(n)
    title = "sample-aware-randaugment" + ("" if n == 2 else f":{n:g}")
    return _one(title, *steps).model_copy(update={"adaptive": Adaptive(rule="sample-aware")})


def _any_strength(name: str) -> Step:
    span = OPERATIONS[name].standard
    return Step(operation=name, magnitude=None if span is None else Uniform(start=span[0], stop=span[1]))


PRESETS: dict[str, tuple[str, Callable[..., Policy]]] = {
    "identity": ("no augmentation", lambda: _one("identity")),
    "flip-crop": (
        "horizontal flip, and a crop after padding by 1/8 of the side (4 pixels at 32)",
        lambda: _one("flip-crop", FLIP, PADDED_CROP),
    ),
    "soft-crop": ("flip and soft crop, σ 0.3, k 2, target and weight softened; also soft-crop:σ,k", _soft_crop),
    "soft-crop-trivialaugment": (
        "the same, then TrivialAugment on its wide ranges; also soft-crop-trivialaugment:σ,k",
        _soft_crop_trivialaugment,
    ),
    "randaugment": ("RandAugment with N 2, M 9; also randaugment:N,M or randaugment:N,M,STD", _randaugment),
    "trivialaugment": (
        "TrivialAugment on RandAugment's ranges",
        lambda: _one("trivialaugment", _trivialaugment(wide=False)),
    ),
    "trivialaugment-wide": (
        "TrivialAugment on its wide ranges, the strongest free policy in print",
        lambda: _one("trivialaugment-wide", _trivialaugment(wide=True)),
    ),
    "autoaugment-cifar10": ("AutoAugment's policy found on CIFAR-10", partial(_autoaugment, "cifar10")),
    "autoaugment-imagenet": ("AutoAugment's policy found on ImageNet", partial(_autoaugment, "imagenet")),
    "autoaugment-svhn": ("AutoAugment's policy found on SVHN", partial(_autoaugment, "svhn")),
    "entaugment": (
        "one of RandAugment's operations, stronger for images that the network is sure of (EntAugment)",
        partial(_adaptive, "entaugment", "entaugment"),
    ),
    "adaaugment": (
        "the same, as strong as an actor-critic learns to choose per image (AdaAugment); costs two more passes a step",
        partial(_adaptive, "adaaugment", "adaaugment"),
    ),
    "sample-aware-randaugment": (
        "RandAugment, stronger for images that the network gets right; also sample-aware-randaugment:N",
        _sample_aware,
    ),
    "augmix": ("AugMix: three chains of mild operations averaged with the image", _augmix),
    "tia": (
        "lines of text: distort, stretch or perspective by moved points (Luo et al. 2020); also tia:RADIUS",
        tia,
    ),
    "randaugment-lines": (
        "RandAugment of sixteen operations for lines of text, N 2, M 9; also randaugment-lines:N,M",
        randaugment_lines,
    ),
    "color-jitter": (
        "brightness, contrast, saturation and hue, some images grey; also color-jitter:STRENGTH",
        color_jitter,
    ),
    "simsiam": (
        "crop of 20 to 100 % of the area, flip, colour jitter (SimSiam's two views); also simsiam:AREA",
        simsiam,
    ),
    "simsiam-sa1": (
        "the same, pairs of views that share little count less; also simsiam-sa1:K,P_MIN; self-supervised only",
        partial(weighted_simsiam, "sa1"),
    ),
    "simsiam-sa2": (
        "the same, pairs of views that share much count less; also simsiam-sa2:K,P_MIN; self-supervised only",
        partial(weighted_simsiam, "sa2"),
    ),
}

BASELINES = TASKS[CLASSIFICATION].fixed
"""The fixed policies that are arms of every space, and confirmed by every search, of classification."""
ADAPTIVE = ("entaugment", "adaaugment", "sample-aware-randaugment")
"""The presets whose magnitudes the network that is trained gives."""
OF_PAIRS = ("simsiam-sa1", "simsiam-sa2")
"""The presets that weigh pairs of views, for self-supervised training alone."""


@lru_cache(maxsize=256)
def preset(name: str) -> Policy:
    """A preset by name; `randaugment:N,M` sets N (operations an image) and M (level 0..30), a third its deviation.

    `flip+NAME` is that preset after a horizontal flip with probability 0.5, `crop+NAME` after the crop of `flip-crop`,
    and `flip-crop+NAME` after both.

    Raises:
        UserError: unknown name, a number out of range, or a flip or crop before a mixture.
    """
    prefix = _prefix(name)
    if prefix:
        return _after(prefix, preset(name.removeprefix(prefix)))
    base, _, arguments = name.partition(":")
    if base not in PRESETS:
        raise unknown_name("policy preset", name, PRESETS)
    try:
        values = [float(part) for part in arguments.split(",")] if arguments else []
        return PRESETS[base][1](*values)
    except ValidationError as error:
        raise UserError(f"preset {name!r}: {error.errors()[0]['msg']}") from None
    except (TypeError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"preset {name!r}: arguments are numbers, as in randaugment:2,9") from None


def is_preset(name: str) -> bool:
    """Whether a name begins as a preset's does, whatever its numbers."""
    return without_prefix(name).partition(":")[0] in PRESETS
