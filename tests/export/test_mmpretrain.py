"""MMPretrain configs with the real library: they are read, and draw, mix and augment as the policy says."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from policysearch.core.errors import UserError
from policysearch.export.registry import export_to
from policysearch.export.to_mmpretrain import expressible, live, pipeline, write
from policysearch.policy.policy import Policy
from tests.support.exports import FALSE_ALARM, policy, pvalue, real
from tests.support.loader_draws import SEQUENCE, drawn_in_loader, faults
from tests.support.mmpretrain_configs import built, by_mmpretrain, read_config

ROOT = Path(__file__).parents[2]
OWN = """
_base_ = ["./learned_policy.py"]
train_pipeline = [dict(type="LoadImageFromFile"), *_base_.learned_policy, dict(type="PackInputs")]
"""
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def library():
    return pytest.importorskip("mmpretrain")


@pytest.mark.parametrize("name", ["randaugment:2,9", "randaugment:1,5,2", "trivialaugment-wide", "autoaugment-cifar10"])
def test_configs_are_data_and_well_formatted(name, tmp_path):
    path = tmp_path / "learned_policy.py"
    expressed, _ = expressible(Policy.preset(name))
    path.write_text(write(expressed, "learned_policy"), encoding="utf-8")
    for command in (["check"], ["format", "--check"]):
        settings = ["--config", str(ROOT / "pyproject.toml")]
        done = subprocess.run([sys.executable, "-m", "ruff", *command, *settings, str(path)], capture_output=True)
        assert done.returncode == 0, done.stdout.decode()
    code = path.read_text().partition('"""\n\n')[2]
    assert "policysearch" not in code and "import" not in code and "def " not in code


def test_a_config_of_ones_own_takes_the_policy_into_its_pipeline(library, tmp_path):
    flipped = policy(
        {"operation": "flip-horizontal"}, {"operation": "invert"}, mix={"operation": "mixup", "alpha": 0.4}
    )
    config = read_config(flipped, tmp_path, OWN)
    assert config.model.train_cfg == {"augments": [{"type": "Mixup", "alpha": 0.4}], "probs": [1.0]}
    picture = real(3)[0].permute(1, 2, 0).numpy()
    Image.fromarray(picture).save(tmp_path / "image.png")
    packed = built(config.train_pipeline)({"img_path": str(tmp_path / "image.png"), "gt_label": 3})
    expected = 255 - picture[:, ::-1, ::-1]  # flipped, and blue first
    assert np.array_equal(packed["inputs"].permute(1, 2, 0).numpy(), expected)


WEIGHTED = Policy.from_dict(
    {
        "sub_policies": [
            {"steps": [{"operation": "translate-x", "magnitude": 3 / 28}], "weight": 3},
            {"steps": [{"operation": "solarize", "magnitude": 9, "probability": 0.25}]},
            {"steps": [{"one_of": [{"operation": "invert"}, {"operation": "posterize", "magnitude": 1}]}]},
        ]
    }
)
LOOKS = {
    "left": {"operation": "translate-x", "magnitude": -3 / 28, "signed": False},
    "right": {"operation": "translate-x", "magnitude": 3 / 28, "signed": False},
    "solarized": {"operation": "solarize", "magnitude": 9},
    "inverted": {"operation": "invert"},
    "posterized": {"operation": "posterize", "magnitude": 1},
    "unchanged": {"operation": "identity"},
}
EXPECTED = {"left": 0.3, "right": 0.3, "solarized": 0.05, "inverted": 0.1, "posterized": 0.1, "unchanged": 0.15}


def drawn(given: Policy, looks: dict[str, dict], count: int) -> list[str]:
    """What was drawn `count` times, seen from the picture that each of `looks` gives."""
    np.random.seed(0)  # noqa: NPY002 (what MMPretrain draws from)
    image, names = real(1, 1)[0], {}
    for name, step in looks.items():
        names[by_mmpretrain(live(policy(step)), image).numpy().tobytes()] = name
    transform = live(given)
    return [names[by_mmpretrain(transform, image).numpy().tobytes()] for _ in range(count)]


def test_frequencies_of_operations_and_signs(library, monkeypatch):
    """Chi-square at 1e-6 over what 800 draws did to one image; and planted faults that it sees."""
    assert pvalue(drawn(WEIGHTED, LOOKS, 800), EXPECTED) > FALSE_ALARM
    unweighted = [sub.model_copy(update={"weight": 1.0}) for sub in WEIGHTED.sub_policies]
    other = WEIGHTED.model_copy(update={"sub_policies": tuple(unweighted)})
    assert pvalue(drawn(other, LOOKS, 800), EXPECTED) < FALSE_ALARM, "weights ignored"
    monkeypatch.setattr("policysearch.policy.steps.Step.draws_sign", property(lambda step: False))
    assert pvalue(drawn(WEIGHTED, LOOKS, 800), EXPECTED) < FALSE_ALARM, "never negative"


def test_levels_are_drawn_alike(library):
    levels = policy({"operation": "solarize", "magnitude": {"start": 40, "stop": 220, "levels": 4}})
    looks = {str(m): {"operation": "solarize", "magnitude": m} for m in (40, 100, 160, 220)}
    assert pvalue(drawn(levels, looks, 400), dict.fromkeys(looks, 0.25)) > FALSE_ALARM


@pytest.mark.parametrize(
    ("step", "mean", "std", "ends"),
    [
        (
            {"operation": "rotate", "magnitude": {"start": 10, "stop": 40}, "signed": False},
            -25,
            30 / 12**0.5,
            (-40, -10),
        ),
        ({"operation": "brightness", "magnitude": {"mean": 0.5, "std": 0.1}}, 0.5, 0.1, (0, 1)),
        ({"operation": "posterize", "magnitude": {"start": 2, "stop": 6}}, 3.5, 4 / 12**0.5, (1.5, 5.5)),
    ],
)
def test_intervals_and_noisy_magnitudes_are_drawn_by_the_library_as_searched(library, step, mean, std, ends):
    """Mean and deviation of 4000 draws within five standard errors; turns are clockwise there, bits rounded up."""
    np.random.seed(0)  # noqa: NPY002
    transform = live(policy(step)).transforms[0]
    values = np.array([transform.random_magnitude() for _ in range(4000)])
    assert abs(values.mean() - mean) < 5 * std / 4000**0.5 and abs(values.std() / std - 1) < 0.06
    assert values.min() >= ends[0] and values.max() <= ends[1]


def test_from_python_it_is_the_librarys_pipeline(library):
    out = policy({"operation": "invert"}).to_mmpretrain()({"img": np.zeros((4, 4, 3), np.uint8)})
    assert out["img"].min() == 255
    with pytest.raises(UserError, match="allow_loss=True"):
        Policy.preset("soft-crop").to_mmpretrain()


def test_normal_magnitudes_end_at_the_operations_range(library):
    transform = live(policy({"operation": "brightness", "magnitude": {"mean": 0.9, "std": 0.5}})).transforms[0]
    values = [transform.random_magnitude() for _ in range(300)]
    assert min(values) == 0 and max(values) == 1


def test_draws_in_a_loader_are_those_of_the_policy(library):
    transform = partial(by_mmpretrain, live(SEQUENCE.policy))
    assert faults(SEQUENCE, drawn_in_loader(SEQUENCE, transform, epochs=2, images=120)) == []


@pytest.mark.parametrize("mix", ["mixup", "cutmix"])
def test_mixes_count_what_is_seen_and_happen_as_often_as_they_should(library, mix, tmp_path):
    """Images of one value each: their mean is the sum of targets times values."""
    from mmpretrain.models.utils.batch_augments import RandomBatchAugment

    mixed = policy({"operation": "invert"}, mix={"operation": mix, "probability": 0.25})
    assert any("one λ" in reason for reason in expressible(mixed)[1])
    with pytest.raises(UserError, match="one λ"):
        export_to(mixed, "mmpretrain", tmp_path / "other.py", allow_loss=False, force=False)
    config = read_config(mixed, tmp_path).model.train_cfg
    augment = RandomBatchAugment(config.augments, list(config.probs))
    values = torch.tensor([0.0, 40, 90, 200])
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002
    changes = 0
    for _ in range(200):
        images, scores = augment(values.view(4, 1, 1, 1).repeat(1, 3, 16, 16), torch.eye(4))
        changes += not torch.equal(scores, torch.eye(4))
        assert torch.allclose(images.mean((1, 2, 3)), scores @ values, atol=1e-3)
    assert 20 < changes < 70  # 200 · (at most 1/4, fewer as partners may be images themselves), 4 deviations


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (Policy.preset("soft-crop"), "softened targets"),
        (Policy.preset("flip-crop"), "only pixels: put dict"),
        (Policy.preset("trivialaugment-wide"), "by a share of the side, not by pixels"),
        (Policy.preset("augmix"), "mean of several draws"),
        (policy({"operation": "invert"}, mix={"operation": "mosaic"}), "mix of the batch is left out"),
        (policy({"operation": "hue", "magnitude": 0.1}), "NumPy 2"),
        (
            policy({"operation": "invert"}, mix={"operation": "mixup"}, about={"task": "multi-label"}),
            "one class per image",
        ),
        (policy({"some_of": [{"operation": "invert"}, {"operation": "equalize"}]}), "random order"),
        (policy({"operation": "gaussian-blur", "magnitude": 1}), "boxes"),
    ],
)
def test_what_a_config_cannot_say_is_named_and_refused(given, reason, tmp_path):
    with pytest.raises(UserError, match=reason):
        export_to(given, "mmpretrain", tmp_path / "learned.py", allow_loss=False, force=False)
    assert not list(tmp_path.iterdir())
    assert pipeline(expressible(given)[0]) is not None


def test_probabilities_of_sub_policies_sum_to_one_to_the_last_bit():
    """MMPretrain refuses others."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        weights = rng.uniform(0.1, 9, size=rng.integers(2, 30))
        subs = [{"steps": [], "weight": float(weight)} for weight in weights]
        (node,) = pipeline(Policy.from_dict({"sub_policies": subs}))
        assert sum(node["prob"]) == 1.0 and np.allclose(node["prob"], weights / weights.sum())
