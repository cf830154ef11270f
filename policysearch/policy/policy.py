"""Policies as values: frozen, validated, JSON both ways, known by the hash of their content."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from policysearch.core.errors import UserError
from policysearch.core.files import write_whole
from policysearch.policy.adaptive import Adaptive, in_force
from policysearch.policy.class_parts import ClassParts
from policysearch.policy.documents import from_content, hash_of, read_document
from policysearch.policy.mixes import Mix, Mixture
from policysearch.policy.pairs import Pair, check_pair, weighing
from policysearch.policy.softening import Softening
from policysearch.policy.steps import SubPolicies, Uniform, Value, choices

SCHEMA = 1
_LIVE = "policysearch.export.registry:live"
_FOR_CLASSES = "policysearch.policy.class_names:for_classes"
_PRESET = "policysearch.policy.presets:preset"
_SOURCE = "policysearch.export.registry:source_of"
_TRANSFORM = "policysearch.augmentation.transforms:ImageTransform"
_BATCH_TRANSFORM = "policysearch.augmentation.transforms:BatchTransform"


class Stage(Value):
    """What a policy becomes from `start` on, a share of the training done in (0, 1): its sub-policies and its mix.

    Without `mix` the policy's mix ends; without `softening`, `adaptive` or `classes` the policy's goes on, and with
    mode or rule "off", or with no class in `classes`, it ends. The mixture stays the policy's.
    """

    later: ClassVar[frozenset[str]] = frozenset({"softening", "adaptive", "classes"})

    start: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False, strict=True)]
    sub_policies: SubPolicies
    mix: Mix | None = None
    softening: Softening | None = None
    adaptive: Adaptive | None = None
    classes: ClassParts | None = None


class Policy(Value):
    """A weighted set of sub-policies with an optional softening curve and an optional batch mix.

    `mix` joins images of a batch after the sub-policies; `mixture` averages several draws of each image (AugMix);
    `stages` replace sub-policies and mix later in training; with `adaptive` the network that is trained gives each
    image its magnitudes; `pair` weighs two views of each image in self-supervised training; `classes` gives images of
    some classes, called by index or by name, sub-policies or softening of their own (Liu et al. 2023, equation 11).
    `name` and `about` (where it came from) are no part of its identity: `hash` depends on content alone.

    Example:
        >>> policy = Policy.preset("flip-crop")
        >>> Policy.from_dict(json.loads(policy.to_json())) == policy
        True
        >>> flip = Policy(name="flip", sub_policies=[{"steps": [{"operation": "flip-horizontal"}]}])
        >>> flip.name, len(flip.hash)
        ('flip', 12)
    """

    later: ClassVar[frozenset[str]] = frozenset({"mix", "mixture", "stages", "adaptive", "pair", "classes"})

    schema_version: Annotated[Literal[1], Field(alias="schema")] = 1
    name: str = ""
    sub_policies: SubPolicies
    softening: Softening | None = None
    mix: Mix | None = None
    mixture: Mixture | None = None
    stages: tuple[Stage, ...] = ()
    adaptive: Adaptive | None = None
    pair: Pair | None = None
    classes: ClassParts = Field(default_factory=dict)
    about: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _off_is_none(self) -> Policy:
        if self.softening is not None and self.softening.mode == "off":
            object.__setattr__(self, "softening", None)
        object.__setattr__(self, "adaptive", in_force(self.adaptive))
        object.__setattr__(self, "pair", weighing(self.pair))
        return self

    @model_validator(mode="after")
    def _stages_follow_each_other(self) -> Policy:
        starts = [stage.start for stage in self.stages]
        if starts != sorted(set(starts)):
            raise UserError(f"stages must start one after the other, got {starts}")
        return self

    @model_validator(mode="after")
    def _adaptive_has_magnitudes_of_single_images(self) -> Policy:
        adaptive = [part for part in self._by_stage if part.adaptive is not None]
        for joins in ("mixture", "mix"):
            if any(getattr(part, joins) for part in adaptive):
                raise UserError(f"adaptive gives magnitudes to single images: leave out {joins!r}, which joins several")
        idle = [part.adaptive.rule for part in adaptive if part.adaptive and not _draws_magnitudes(part)]
        if idle:
            raise UserError(
                f"adaptive: {idle[0]} has nothing to adapt without a magnitude of the form "
                '{"start": 0, "stop": 30} in the sub-policies (of every stage)'
            )
        return self

    @model_validator(mode="after")
    def _pair_weighs_what_two_views_share(self) -> Policy:
        if self.pair is not None:
            check_pair(self.pair, self._by_stage)
        return self

    def at(self, progress: float) -> Policy:
        """The policy without stages that holds at `progress`, the share of training done in [0, 1].

        Raises:
            UserError: progress is not in [0, 1].
        """
        if not isinstance(progress, int | float) or not 0 <= progress <= 1:
            raise UserError(f"progress is the share of training done, in [0, 1], got {progress!r}")
        return self._by_stage[sum(progress >= stage.start for stage in self.stages)]

    def for_classes(self, names: Sequence[str]) -> Policy:
        """The policy with the indices of its classes in place of their names, which a search does by itself.

        Args:
            names: of the data's classes, in the order of their labels. A key that is none of them is an index.

        Raises:
            UserError: the data lack a class of the policy, or two keys are the same class.
        """
        policy: Policy = _load(_FOR_CLASSES)(self, names)
        return policy

    @cached_property
    def _by_stage(self) -> tuple[Policy, ...]:
        if not self.stages:
            return (self,)
        first = self.model_copy(update={"stages": ()})
        return (first, *(first.model_copy(update=_changes(stage, self)) for stage in self.stages))

    @cached_property
    def hash(self) -> str:
        """Twelve hex digits of the SHA-256 of the content, `name` and `about` left out."""
        content = self.model_dump(mode="json", by_alias=True, exclude={"name", "about"})
        return hash_of(content)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Policy:
        """A copy with other values, not validated; its hash is its own."""
        copy = super().model_copy(update=update, deep=deep)
        for cached in ("hash", "_by_stage"):
            copy.__dict__.pop(cached, None)
        return copy

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Policy) and self.hash == other.hash

    def __hash__(self) -> int:
        return hash(self.hash)

    def to_json(self, indent: int | None = 2) -> str:
        """The policy as JSON, its hash written along."""
        data = self.model_dump(mode="json", by_alias=True, exclude=None if self.about else {"about"})
        return json.dumps({"schema": data.pop("schema"), "hash": self.hash, **data}, indent=indent)

    @classmethod
    def from_dict(cls, data: object, source: str = "policy") -> Policy:
        """Build from parsed JSON.

        Raises:
            UserError: naming the field that is wrong, and `source`; or the hash written along is not the content's.
        """
        return from_content(cls, data, source)

    @classmethod
    def load(cls, path: str | Path) -> Policy:
        """Read a policy file (JSON; data only, nothing in it is executed).

        Raises:
            UserError: the file is missing, is no JSON, or holds no valid policy.
        """
        source = f"policy file {str(path)!r}"
        data = read_document(path, source)
        if isinstance(data, dict) and isinstance(data.get("schema"), int) and data["schema"] > SCHEMA:
            raise UserError(
                f"{source} has schema {data['schema']}, this version reads up to {SCHEMA}: upgrade policysearch"
            )
        return cls.from_dict(data, source)

    def save(self, path: str | Path) -> None:
        """Write the policy as JSON, replacing the file at once (never half a file)."""
        write_whole(Path(path), self.to_json() + "\n")

    def to_transform(self, *, allow_loss: bool = False) -> Any:
        """A callable of images without labels: PIL, arrays or tensors; see `augmentation.transforms.ImageTransform`.

        Raises:
            UserError: a part of the policy needs labels, and `allow_loss` is False.
        """
        return _load(_TRANSFORM)(self, allow_loss=allow_loss)

    def to_batch_transform(self, num_classes: int, seed: int | None = None) -> Any:
        """A callable of tensors (images, labels) on their device; see `augmentation.transforms.BatchTransform`."""
        return _load(_BATCH_TRANSFORM)(self, num_classes, seed)

    def to_source(self, library: str = "torchvision", *, allow_loss: bool = False) -> str:
        """The text of the Python file that `policysearch export --to LIBRARY` writes, which runs without policysearch.

        Raises:
            UserError: the library cannot express all of the policy, and `allow_loss` is False.
        """
        text: str = _load(_SOURCE)(self, library, allow_loss)
        return text

    def to_torchvision(self, num_classes: int | None = None, *, allow_loss: bool = False) -> Any:
        """A transform of torchvision's v2 that draws anew for each image; with `num_classes` one that takes an image
        and its label, and gives the image, its target and its weight (and `collate`, which mixes). Of a policy with a
        `pair` one that gives two views of an image and what the pair counts.

        Raises:
            UserError: torchvision cannot say all of it, and `allow_loss` is False; so for the others.
        """
        return self._live("torchvision", allow_loss, num_classes=num_classes)

    def to_timm(self, *, allow_loss: bool = False) -> Any:
        """What takes and gives a PIL image, made of timm's own operations."""
        return self._live("timm", allow_loss)

    def to_kornia(self, *, allow_loss: bool = False) -> Any:
        """A kornia policy module: float [B, C, H, W] in [0, 1], one sub-policy per batch."""
        return self._live("kornia", allow_loss)

    def to_albumentations(self, *, allow_loss: bool = False) -> Any:
        """An `A.Compose` whose transforms draw from one pair of generators, its own in each worker of a DataLoader."""
        return self._live("albumentations", allow_loss)

    def to_keras(self, num_classes: int | None = None, *, seed: int | None = None, allow_loss: bool = False) -> Any:
        """A layer of Keras 3 that draws anew for each image of a batch of 0..255; with `num_classes` one that takes
        images and labels, and gives images, targets and weights."""
        return self._live("keras", allow_loss, num_classes=num_classes, seed=seed)

    def to_jax(self, num_classes: int | None = None, *, allow_loss: bool = False) -> Any:
        """A pure function of a JAX key and uint8 images [B, H, W, C]; with `num_classes` one of a key, images and
        labels that gives images, targets and weights."""
        return self._live("jax", allow_loss, num_classes=num_classes)

    def to_dali(self, *, allow_loss: bool = False) -> Any:
        """A function of uint8 RGB images [H, W, C] in a pipeline of DALI with `enable_conditionals=True`."""
        return self._live("dali", allow_loss)

    def to_mmpretrain(self, *, allow_loss: bool = False) -> Any:
        """MMPretrain's own pipeline: it takes and gives `{"img": uint8 [H, W, 3]}`, blue first."""
        return self._live("mmpretrain", allow_loss)

    def to_huggingface(self, processor: Any, num_classes: int | None = None, *, allow_loss: bool = False) -> Any:
        """What `set_transform` of a Hugging Face data set takes, around an image processor of transformers; with
        `num_classes` its samples have targets and weights, and `collate` is for a `Trainer`."""
        return self._live("huggingface", allow_loss, processor=processor, num_classes=num_classes)

    def to_lightning(self, num_classes: int | None = None, *, allow_loss: bool = False) -> Any:
        """A class to inherit from before `LightningDataModule`, which augments the batches of training."""
        return self._live("lightning", allow_loss, num_classes=num_classes)

    def to_collate(self, num_classes: int, *, allow_loss: bool = False) -> Any:
        """The mix alone, as a `collate_fn`: samples (image [C, H, W], class) -> images, targets [B, classes]."""
        return self._live("collate", allow_loss, num_classes=num_classes)

    def _live(self, to: str, allow_loss: bool, **options: Any) -> Any:
        return _load(_LIVE)(self, to, allow_loss, **options)

    @classmethod
    def preset(cls, name: str) -> Policy:
        """A fixed policy of the literature by name, such as `trivialaugment-wide` or `randaugment:2,9`.

        Raises:
            UserError: no preset has that name; the message names the nearest.
        """
        policy: Policy = _load(_PRESET)(name)
        return policy


def _changes(stage: Stage, policy: Policy) -> dict[str, Any]:
    """What a stage puts in place of its policy's parts."""
    curve = stage.softening or policy.softening
    return {
        "sub_policies": stage.sub_policies,
        "mix": stage.mix,
        "softening": None if curve is None or curve.mode == "off" else curve,
        "adaptive": in_force(stage.adaptive, policy.adaptive),
        "classes": policy.classes if stage.classes is None else stage.classes,
    }


def _draws_magnitudes(part: Policy) -> bool:
    subs = [*part.sub_policies, *(sub for other in part.classes.values() for sub in other.sub_policies or ())]
    steps = [choice for sub in subs for step in sub.steps for choice in choices(step)]
    return any(isinstance(step.magnitude, Uniform) for step in steps)


def _load(function: str) -> Callable[..., Any]:
    """A function by MODULE:NAME, for methods whose code builds on policies and so cannot be imported here."""
    module, _, name = function.partition(":")
    loaded: Callable[..., Any] = getattr(import_module(module), name)
    return loaded
