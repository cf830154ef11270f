"""The libraries that policies go to and come from, and the files in between."""

from __future__ import annotations

import keyword
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

from policysearch.core.errors import UserError, unknown_name
from policysearch.core.files import must_be_writable, write_whole
from policysearch.export.lossy import Source, refusal, without_own_targets
from policysearch.policy.policy import Policy
from policysearch.policy.single_arm_space import as_space


@dataclass(frozen=True)
class Export:
    """A library that policies are written for.

    Attributes:
        file: what its file is called by default.
        about: what the file is, in a few words.
        extra: the extra of this package that installs the library.
        data: the ending of a second form, which the library reads as data (`write_json` of the exporter).
    """

    file: str
    about: str
    extra: str | None = None
    data: str | None = None

    @property
    def suffixes(self) -> list[str]:
        return [suffix for suffix in (Path(self.file).suffix, self.data) if suffix]


EXPORTS: Mapping[str, Export] = MappingProxyType(
    {
        "torchvision": Export("learned_policy.py", "Python that needs torch and torchvision alone"),
        "timm": Export("learned_policy.py", "Python with timm's own operations", "timm"),
        "kornia": Export("learned_policy.py", "Python with kornia's own operations, one draw per batch", "kornia"),
        "albumentations": Export(
            "learned_policy.py",
            "Python with albumentations' transforms, or JSON for A.from_dict",
            "albumentations",
            ".json",
        ),
        "mmpretrain": Export("learned_policy.py", "an MMPretrain config of data alone, a base for yours", "mmpretrain"),
        "ultralytics": Export(
            "learned_policy.yaml", "Ultralytics' settings for classification, as far as they go", "ultralytics"
        ),
        "ultralytics-trainer": Export(
            "learned_policy.py", "a trainer for Ultralytics' classification networks", "ultralytics"
        ),
        "huggingface": Export(
            "learned_policy.py", "a transform for set_transform, around an image processor", "transformers"
        ),
        "lightning": Export("learned_policy.py", "a hook for a LightningDataModule, and a callback", "lightning"),
        "collate": Export("learned_collate.py", "the mix alone, as a collate_fn for any data set; needs torch"),
        "keras": Export("learned_policy.py", "Python that needs Keras 3 alone, for torch, JAX and TensorFlow", "keras"),
        "jax": Export("learned_policy.py", "Python that needs JAX alone: pure functions of a key and a batch", "jax"),
        "dali": Export("learned_policy.py", "Python that needs DALI alone: a part of a pipeline", "dali"),
        "json": Export("policy.json", "the policy as it is, for this program"),
    }
)
IMPORTS: Mapping[str, str] = MappingProxyType(
    {
        "autoaugment": "sub-policies of (name, probability, level 0..9), JSON or a Python list",
        "fast-autoaugment": "sub-policies of (name, probability, level in [0, 1]), JSON or a Python list",
        "dada": "a genotype: the same, of a file of several or the log of a search",
        "pba": "a schedule of Population Based Augmentation: a log of Tune's, or rows of 60 numbers",
        "timm": "a config string such as rand-m9-mstd0.5-inc1, or a file that `export --to timm` wrote",
        "albumentations": "JSON of A.to_dict or A.save, or a file that `export --to albumentations` wrote",
        "autoalbument": "a policy that AutoAlbument saved (JSON), or its search.yaml: the policy that it begins with",
        "mmpretrain": "a config in Python, JSON or YAML: its training pipeline and its mix",
    }
)
_OF_LISTS = ("autoaugment", "fast-autoaugment", "dada")
"""Sources whose files may hold several policies."""
_WITH_LOSSES = ("albumentations", "autoalbument", "mmpretrain")
"""Sources that say more than a policy can."""
_LARGEST = 10_000_000
_LIBRARIES = frozenset(
    {"torch", "torchvision", "timm", "kornia", "albumentations", "PIL", "numpy", "policysearch"}
    | {"keras", "jax", "nvidia", "tensorflow"}
    | {"mmpretrain", "mmcv", "mmengine", "ultralytics", "transformers", "datasets", "lightning"}
)
_TAKEN = sys.stdlib_module_names | _LIBRARIES


def _expressed(policy: Policy, to: str, allow_loss: bool) -> tuple[Any, Policy, list[str]]:
    """The exporter's module, the policy as far as the library can express it, and what is lost."""
    if to not in EXPORTS:
        raise unknown_name("library", to, EXPORTS)
    module = import_module(f"policysearch.export.to_{to.replace('-', '_')}")
    names = policy.about.get("classes")
    labelled = policy.for_classes(names) if names and to != "json" else policy
    searched, left_out = without_own_targets(labelled) if to != "json" else (labelled, [])
    try:
        expressed, losses = module.expressible(searched)
    except UserError:
        if not left_out:
            raise
        raise UserError(f"nothing of this policy is left for {to}: {left_out[0]}") from None
    losses = [*left_out, *losses]
    if losses and not allow_loss:
        raise refusal(f"{to} cannot express all of this policy", losses)
    return module, expressed, losses


def live(policy: Policy, to: str, allow_loss: bool, **options: Any) -> Any:
    """The library's own object for a policy.

    Raises:
        UserError: the library is not installed, or cannot express all of the policy and `allow_loss` is False.
    """
    module, expressed, _ = _expressed(policy, to, allow_loss)
    try:
        return module.live(expressed, **options)
    except ModuleNotFoundError as error:
        if to == "keras" and error.name == "tensorflow":
            raise UserError(
                "Keras has no backend here: set KERAS_BACKEND=torch (or jax), as it takes tensorflow without"
            ) from None
        raise UserError(f"{error.name} is not installed: pip install 'policysearch[{EXPORTS[to].extra}]'") from None


def source_of(policy: Policy, to: str, allow_loss: bool = False) -> str:
    """The text of the file that a policy is written as for a library.

    Raises:
        UserError: the library cannot express all of the policy, and `allow_loss` is False.
    """
    module, expressed, losses = _expressed(policy, to, allow_loss)
    text: str = module.write(expressed, Path(EXPORTS[to].file).stem, Source(policy, tuple(losses)))
    return text


def export_to(policy: Policy, to: str, out: Path | None, allow_loss: bool, force: bool) -> tuple[Path, list[str]]:
    """Write a policy for a library, whole or not at all.

    Returns:
        The file, and what of the policy it does not say.

    Raises:
        UserError: nothing is written: the library cannot express all of it and `allow_loss` is False, or `out` is there
            already and `force` is False, cannot be written, or has a name that does not fit.
    """
    if to not in EXPORTS:
        raise unknown_name("library", to, EXPORTS)
    target = out or Path(EXPORTS[to].file)
    _check_name(target, EXPORTS[to])
    must_be_writable(target, force)
    module, expressed, losses = _expressed(policy, to, allow_loss)
    source = Source(policy, tuple(losses))
    as_data = target.suffix == EXPORTS[to].data
    _save(target, module.write_json(expressed, source) if as_data else module.write(expressed, target.stem, source))
    return target, losses


def import_from(
    file: str, source: str, allow_loss: bool = False, epochs: int | None = None, which: str | None = None
) -> tuple[Policy, list[str]]:
    """A policy from a library's file (data: nothing in it is executed), or from timm's config string.

    Args:
        file: a path, or timm's string.
        source: a key of `IMPORTS`.
        allow_loss: read what the file has beyond what a policy here can express as the nearest, or leave it out
            (albumentations, autoalbument and mmpretrain; of the others nothing is lost).
        epochs: that the search of a pba log trained.
        which: the list of a file that holds several (autoaugment, fast-autoaugment and dada).

    Returns:
        The policy, and in which it is not what the library does.

    Raises:
        UserError: the file is missing, is not of that library, or says what no policy here can.
    """
    module, text, name = _opened(file, source, epochs, which)
    options: dict[str, Any] = {"allow_loss": allow_loss} if source in _WITH_LOSSES else {}
    if source == "pba":
        options["epochs"] = epochs
    elif source in _OF_LISTS:
        options["which"] = which
    policy, notes = module.read(text, name, **options)
    return policy, notes


def _opened(file: str, source: str, epochs: int | None, which: str | None) -> tuple[Any, str, str]:
    """The reader of a source, the text of a file, and what it is called in complaints."""
    if source not in IMPORTS:
        raise unknown_name("library", source, IMPORTS)
    module = import_module(f"policysearch.export.from_{source.replace('-', '_')}")
    path = Path(file)
    if source == "timm" and not path.exists():
        text, name = file, f"timm string {file!r:.80}"
    else:
        text, name = _read(path), f"{source} file {file!r}"
    if epochs is not None and source != "pba":
        raise UserError(f"--epochs is for --from pba, whose logs lack it; leave it out of --from {source}")
    if which is not None and source not in _OF_LISTS:
        raise UserError(f"--name is for --from {', '.join(_OF_LISTS)}, whose files may hold several policies")
    return module, text, name


def import_arms(
    file: str, source: str, allow_loss: bool = False, epochs: int | None = None, which: str | None = None
) -> tuple[dict[str, Policy], list[str]]:
    """The policies of a file, of which there may be several: those of `import_from`, by name.

    Args:
        file, source, allow_loss, epochs: as there.
        which: the only one that is wanted; None for all of them.

    Returns:
        By name, "" where there is one; and in which they are not what the library does, and which were left out.

    Raises:
        UserError: as there, and where none of several can be read.
    """
    module, text, name = _opened(file, source, epochs, which)
    several = module.names(text, name) if source in _OF_LISTS and which is None else []
    if not several:
        policy, notes = import_from(file, source, allow_loss, epochs, which)
        return {"": policy}, notes
    arms: dict[str, Policy] = {}
    listed: dict[str, None] = {}
    refused: list[UserError] = []
    for one in several:
        try:
            arms[one], notes = module.read(text, name, which=one)
            listed.update(dict.fromkeys(notes))
        except UserError as error:
            refused.append(error)
    if not arms:
        raise refused[0]
    return arms, [*listed, *(f"left out: {error}" for error in refused)]


def save_imported(policy: Policy | Mapping[str, Policy], out: Path, force: bool) -> None:
    """Write a policy: PATH.json as it is, PATH.toml as a space of which it is an arm; several as arms of one space.

    Raises:
        UserError: `out` has another ending, is there already and `force` is False, or cannot be written; or it is no
            space and there are several policies.
    """
    if out.suffix not in (".json", ".toml"):
        raise UserError(
            f"--out takes PATH.json (the policy) or PATH.toml (a space with it as an arm), got {str(out)!r}"
        )
    arms = {"": policy} if isinstance(policy, Policy) else policy
    if out.suffix == ".json" and len(arms) > 1:
        raise UserError(
            f"the file holds {len(arms)} policies ({', '.join(list(arms)[:8])}): choose one with --name, or give --out "
            "PATH.toml, a space in which each is an arm"
        )
    must_be_writable(out, force)
    named = {name or out.stem: arm for name, arm in arms.items()}
    first = next(iter(named.values()))
    _save(out, first.to_json() + "\n" if out.suffix == ".json" else as_space(named))


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            raise UserError(f"{str(path)!r} is larger than any policy ({_LARGEST:,} bytes)")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {str(path)!r}: {getattr(error, 'strerror', None) or error}") from None


def _check_name(target: Path, export: Export) -> None:
    if target.suffix not in export.suffixes:
        allowed = " or ".join(f"PATH{suffix}" for suffix in export.suffixes)
        raise UserError(f"--out takes {allowed} here ({export.about}), got {str(target)!r}")
    stem = target.stem
    if target.suffix == ".py" and (not stem.isidentifier() or keyword.iskeyword(stem) or stem in _TAKEN):
        raise UserError(
            f"{target.name} could not be imported, or would hide a library: give --out a name of letters, digits and "
            "underscores, such as learned_policy.py"
        )


def _save(target: Path, text: str) -> None:
    try:
        write_whole(target, text)
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror or error}") from None
