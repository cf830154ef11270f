"""Files of policies and spaces with random damage, and what reading them comes to."""

from __future__ import annotations

import contextlib
import json
import os
import tomllib
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import search_spaces
from policysearch.augmentation import augment
from policysearch.augmentation.lines import augment_lines
from policysearch.augmentation.views import views
from policysearch.core.errors import UserError
from policysearch.export import to_albumentations, to_mmpretrain, to_timm
from policysearch.export.registry import import_from, save_imported
from policysearch.policy.autoaugment_tables import AUTOAUGMENT
from policysearch.policy.describe import in_words
from policysearch.policy.mixes import LINE_MIXES
from policysearch.policy.policy import Policy
from policysearch.policy.space_files import load_space

Rng = np.random.Generator
MARK = "code-was-run"
"""A file that exists if code in a damaged file was run."""

PRESETS = (
    "randaugment:2,9",
    "trivialaugment-wide",
    "autoaugment-cifar10",
    "augmix",
    "soft-crop",
    "flip-crop",
    "identity",
)


@dataclass(frozen=True)
class Outcome:
    """What became of one file.

    Attributes:
        kind: "right result", "sentence", "wrong result", "traceback" or "code run".
        text: the sentence, or what is wrong.
    """

    kind: str
    text: str = ""


# Files as they are before the damage


def _preset(rng: Rng) -> Policy:
    return Policy.preset(str(rng.choice(PRESETS)))


def write_policy(rng: Rng) -> str:
    policy = _preset(rng)
    text = policy.to_json()
    if rng.random() < 0.5:  # Without its hash an edited policy is taken as it is.
        text = json.dumps({key: value for key, value in json.loads(text).items() if key != "hash"}, indent=1)
    return text


def write_space(rng: Rng) -> str:
    return search_spaces.text(str(rng.choice(search_spaces.names())))


def write_albumentations(rng: Rng) -> str:
    data = json.loads(to_albumentations.write_json(to_albumentations.expressible(_preset(rng))[0], None))
    if rng.random() < 0.7:
        data.pop("policysearch", None)
    return json.dumps(data, indent=1)


def write_timm(rng: Rng) -> str:
    return to_timm.write(to_timm.expressible(_preset(rng))[0], "learned_policy")


def _published(rng: Rng, level: Callable[[], float]) -> str:
    table = AUTOAUGMENT[str(rng.choice(sorted(AUTOAUGMENT)))]
    subs = [
        [(words[0], float(words[1]), level()) for words in (part.split() for part in line.split(","))]
        for line in table[: int(rng.integers(1, 8))]
    ]
    form = int(rng.integers(3))
    return json.dumps(subs) if form == 0 else repr(subs) if form == 1 else f"def policy():\n    return {subs!r}\n"


def write_autoaugment(rng: Rng) -> str:
    return _published(rng, lambda: int(rng.integers(10)))


def write_fast_autoaugment(rng: Rng) -> str:
    return _published(rng, lambda: round(float(rng.random()), 3))


def write_dada(rng: Rng) -> str:
    """Two genotypes of which one is read, or the log of a search."""
    first, second = (json.loads(_as_json(rng)) for _ in range(2))
    if rng.random() < 0.5:
        return f"11/30 epoch 1\n11/30 genotype_25: {first!r}\n"
    return f"CIFAR10 = long_name = {first!r}\n# SVHN = {second!r}\n"


def _as_json(rng: Rng) -> str:
    table = AUTOAUGMENT[str(rng.choice(sorted(AUTOAUGMENT)))]
    rows = [[part.split() for part in line.split(",")] for line in table[: int(rng.integers(1, 8))]]
    return json.dumps([[(words[0], float(words[1]), round(float(rng.random()), 3)) for words in row] for row in rows])


def write_mmpretrain(rng: Rng) -> str:
    """An exported config, or a pipeline of one's own in Python or JSON."""
    form = int(rng.integers(3))
    if form == 0:
        return to_mmpretrain.write(to_mmpretrain.expressible(_preset(rng))[0], "learned_policy")
    nodes = [
        {"type": "RandomCrop", "crop_size": 32, "padding": int(rng.integers(1, 8))},
        {"type": "RandomFlip", "prob": round(float(rng.random()), 2), "direction": "horizontal"},
        {"type": "Rotate", "angle": float(rng.integers(1, 60)), "prob": 0.5, "random_negative_prob": 0.5},
        {"type": "RandomErasing", "erase_prob": 0.25, "mode": "const", "min_area_ratio": 0.02, "max_area_ratio": 0.3},
        {"type": "PackInputs"},
    ]
    if form == 1:
        return json.dumps({"train_dataloader": {"dataset": {"pipeline": nodes}}}, indent=1)
    model = "model = dict(train_cfg=dict(augments=dict(type='Mixup', alpha=half)))"
    return f"half = 1 / 2\ntrain_pipeline = {nodes!r}\n{model}\n"


def write_autoalbument(rng: Rng) -> str:
    classes = ["Solarize", "HorizontalFlip", "VerticalFlip", "Rotate", "ShiftX", "ShiftY"]
    names = rng.choice(classes, size=int(rng.integers(1, 6)), replace=False)
    package = "autoalbument.faster_autoaugment.models.policy_operations"
    rows = "".join(f"    - _target_: {package}.{name}\n" for name in names)
    return f"task: classification\npolicy_model:\n  operation_count: {rng.integers(1, 5)}\n  operations:\n{rows}"


@dataclass(frozen=True)
class Source:
    """A kind of file.

    Attributes:
        write: the text of an undamaged one.
        suffix: of its name.
        parse: its content as plain data, if it is data.
    """

    write: Callable[[Rng], str]
    suffix: str
    parse: Callable[[str], Any]


SOURCES: Mapping[str, Source] = {
    "policy": Source(write_policy, ".json", json.loads),
    "space": Source(write_space, ".toml", tomllib.loads),
    "albumentations": Source(write_albumentations, ".json", json.loads),
    "timm": Source(write_timm, ".py", str),
    "autoaugment": Source(write_autoaugment, ".txt", str),
    "fast-autoaugment": Source(write_fast_autoaugment, ".txt", str),
    "dada": Source(write_dada, ".txt", str),
    "mmpretrain": Source(write_mmpretrain, ".py", str),
    "autoalbument": Source(write_autoalbument, ".yaml", str),
}
_FIRST = ("albumentations", "autoaugment", "fast-autoaugment", "policy", "space", "timm")
"""The sources whose seeds are published, in the order of the alphabet; those that came later follow."""


# Damage

NASTY = (
    "null", "true", "-1", "0", "1e999", "-1e999", "NaN", "1e-320", "9" * 5000, "0x1F", "1_000", "[]", "{}", '""', "''",
    "[[[[[[[[]]]]]]]]", "[" * 3000, '"\\u0000"', '"\\ud800"', '"\\x1b[31m"', "'\\x00'", "None", "()", "(1,)", "1j",
    f"__import__('os').system('touch {MARK}')", f"[open('{MARK}', 'w') for _ in (1,)]",
    f"(lambda: open('{MARK}', 'w'))()",
    '"../../etc/passwd"', "{'a': 1}", '"rotate"', '"$level"', '"[bold]rotate[/bold]"', "$", "#", "\n\n", "\\", "\x00",
    "\u202e", "é" * 50, "[1, 2", "1979-05-27T07:32:00Z", "b'x'", "f'{1}'", "...",
)  # fmt: skip


def _span(text: str, rng: Rng, longest: int = 40) -> tuple[int, int]:
    start = int(rng.integers(len(text) + 1))
    return start, min(len(text), start + int(rng.integers(1, longest)))


def cut(text: str, rng: Rng) -> str:
    return text[: int(rng.integers(len(text) + 1))]


def remove(text: str, rng: Rng) -> str:
    start, stop = _span(text, rng)
    return text[:start] + text[stop:]


def repeat(text: str, rng: Rng) -> str:
    start, stop = _span(text, rng, 400)
    return text[:stop] + text[start:stop] * int(rng.integers(1, 4)) + text[stop:]


def insert(text: str, rng: Rng) -> str:
    start, _ = _span(text, rng)
    return text[:start] + str(rng.choice(NASTY)) + text[start:]


def change_letters(text: str, rng: Rng) -> str:
    letters = list(text)
    for _ in range(int(rng.integers(1, 6)) if letters else 0):
        letters[int(rng.integers(len(letters)))] = chr(int(rng.integers(1, 0x250)))
    return "".join(letters)


def change_a_value(text: str, rng: Rng) -> str:
    """A number or a word gives way to another thing of the file, or to a nasty one."""
    words = [(i, j) for i, j in _words(text)]
    if not words:
        return text
    start, stop = words[int(rng.integers(len(words)))]
    first, last = words[int(rng.integers(len(words)))]
    other = text[first:last] if rng.random() < 0.4 else str(rng.choice(NASTY))
    return text[:start] + other + text[stop:]


def _words(text: str) -> list[tuple[int, int]]:
    """Where words and numbers, strings with their quotes, begin and end."""
    out, start = [], None
    for i, letter in enumerate(text + " "):
        inside = letter.isalnum() or letter in "\"'.-_$"
        if inside and start is None:
            start = i
        elif not inside and start is not None:
            out.append((start, i))
            start = None
    return out


def change_a_number(text: str, rng: Rng) -> str:
    numbers = [(i, j) for i, j in _words(text) if text[i:j].lstrip("-").replace(".", "", 1).isdigit()]
    if not numbers:
        return text
    start, stop = numbers[int(rng.integers(len(numbers)))]
    value = float(text[start:stop]) * float(rng.choice([-1, 0.5, 1.01, 3, 1e3, 1e300]))
    return text[:start] + (repr(value) if rng.random() < 0.7 else str(round(value))) + text[stop:]


def swap_lines(text: str, rng: Rng) -> str:
    lines = text.split("\n")
    i, j = (int(rng.integers(len(lines))) for _ in range(2))
    lines[i], lines[j] = lines[j], lines[i]
    return "\n".join(lines)


DAMAGE: tuple[Callable[[str, Rng], str], ...] = (cut, remove, repeat, insert, change_letters, swap_lines)
SUBTLE: tuple[Callable[[str, Rng], str], ...] = (change_a_value, change_a_number)
"""What mostly leaves a file of its format."""


def damaged_bytes(text: str, rng: Rng) -> bytes:
    """The file after one or two kinds of damage; in one of thirty a byte is changed too, so that it is no UTF-8."""
    kinds = SUBTLE if rng.random() < 0.7 else DAMAGE
    for _ in range(int(rng.integers(1, 3))):
        text = kinds[int(rng.integers(len(kinds)))](text, rng)
    data = bytearray(text.encode("utf-8", "surrogatepass"))
    if data and rng.random() < 0.03:
        data[int(rng.integers(len(data)))] = int(rng.integers(128, 256))
    return bytes(data)


# Reading


def read_damaged(source: str, seed: int, folder: Path) -> Outcome:
    """Write a file, damage it, read it, and say what became of it; `folder` is empty, and the working folder then."""
    places = [*_FIRST, *(name for name in SOURCES if name not in _FIRST)]
    rng = np.random.default_rng((seed, places.index(source)))
    text = SOURCES[source].write(rng)
    path = folder / f"damaged{SOURCES[source].suffix}"
    path.write_bytes(damaged_bytes(text, rng))
    with contextlib.chdir(folder), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        outcome = _outcome(source, path, text)
    if os.path.exists(folder / MARK):
        return Outcome("code run")
    if caught and outcome.kind in ("right result", "sentence"):
        return Outcome("wrong result", f"a warning: {caught[0].message}")
    return outcome


def _outcome(source: str, path: Path, undamaged: str) -> Outcome:
    try:
        policies = read(source, path)
    except UserError as error:
        sentence = str(error)
        one_line = sentence.isprintable() and len(sentence) < 1500 and path.stem in sentence
        return Outcome("sentence" if one_line else "wrong result", repr(sentence))
    except Exception:
        return Outcome("traceback", traceback.format_exc())
    try:
        wrong = what_is_wrong(source, path, undamaged, policies)
    except Exception:
        return Outcome("traceback", traceback.format_exc())
    return Outcome("wrong result" if wrong else "right result", wrong)


def read(source: str, path: Path) -> list[Policy]:
    """The policies of a file: one, or the arms of a space."""
    if source == "policy":
        return [Policy.load(path)]
    if source == "space":
        return [arm.policy for arm in load_space(str(path)).arms(0)]
    return [import_from(str(path), source)[0]]


def what_is_wrong(source: str, path: Path, undamaged: str, policies: list[Policy]) -> str:
    """Empty where policies are usable, survive being written, and are as before if the file says the same."""
    for policy in policies[:: max(1, len(policies) // 3)]:
        if Policy.from_dict(json.loads(policy.to_json())) != policy:
            return "not the same after being written"
        in_words(policy)
        if not _augments(policy):
            return "images are not augmented"
    if source not in ("policy", "space") and not _as_a_space(policies[0], path.parent):
        return "not the same in a space"
    if _says_the_same(source, path, undamaged):
        path.write_text(undamaged, encoding="utf-8")
        if read(source, path) != policies:
            return "another policy, though the file says the same"
    return ""


def _augments(policy: Policy) -> bool:
    """Two images, four pixels wide, so that long policies take no time: classes, pairs of views or lines of text."""
    images = (torch.arange(2 * 3 * 16) * 37 % 256).to(torch.uint8).view(2, 3, 4, 4)
    maps = torch.rand(2, 4, 4)
    generator = torch.Generator().manual_seed(0)
    if policy.pair is not None:
        first, second, weights = views(policy, images, generator)
        return first.shape == second.shape == images.shape and bool((weights >= 0).all() and weights.isfinite().all())
    if policy.mix is not None and policy.mix.operation in LINE_MIXES:
        return augment_lines(policy, images, ["a", "b"], None, generator).images.shape == images.shape
    out = augment(policy, images, torch.tensor([0, 1]), num_classes=3, generator=generator, activation_maps=maps)
    return out.images.shape == images.shape and bool(torch.isfinite(out.targets).all() and (out.weights >= 0).all())


def _as_a_space(policy: Policy, folder: Path) -> bool:
    save_imported(policy, folder / "imported.toml", force=True)
    return policy in [arm.policy for arm in load_space(str(folder / "imported.toml")).arms(0)]


def _says_the_same(source: str, path: Path, undamaged: str) -> bool:
    try:
        return bool(SOURCES[source].parse(path.read_text(encoding="utf-8")) == SOURCES[source].parse(undamaged))
    except ValueError:
        return False
