"""The function that is exported for DALI, in pipelines on the CPU: pixels, frequencies, signs, seeds."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from policysearch.augmentation.apply import apply
from policysearch.augmentation.sampling import draw
from policysearch.core.errors import UserError
from policysearch.export import to_dali
from policysearch.policy.operations import OPERATIONS
from policysearch.policy.policy import Policy
from tests.support.exports import FALSE_ALARM, imported, policy, pvalue, real

WITHIN_1 = {"color": 0.01, "hue": 0.01, "resized-crop": 0.03, "gaussian-blur": 0.01}
"""The share of values that may differ, by 1; of the other operations none does."""


def step_of(name: str) -> dict[str, object]:
    row = OPERATIONS[name]
    span = {"start": float(min(row.standard)), "stop": float(max(row.standard))} if row.standard else None
    return {"operation": name, **({"magnitude": span} if span else {})}


@pytest.mark.parametrize("operation", sorted(to_dali.OPERATIONS - {"equalize"}))
def test_pixels(operation):
    pytest.importorskip("nvidia.dali")
    import torch
    import torch.nn.functional as F

    from policysearch.export.dali_replay import replayed

    images = F.interpolate(real(3, 16).float(), (20, 23)).to(torch.uint8)
    images[3] = 77
    single = policy(step_of(operation))
    ours = draw(single, 16, torch.Generator().manual_seed(1))
    gaps = (replayed(single, ours, images).int() - apply(ours, images).int()).abs()
    assert gaps.max() <= (operation in WITHIN_1) and (gaps > 0).float().mean() <= WITHIN_1.get(operation, 0)


def after(augment, image: np.ndarray, count: int, seed: int = 0) -> list[bytes]:
    """What a pipeline gives for one image, again and again."""
    from nvidia.dali import fn, pipeline_def

    @pipeline_def(batch_size=count, num_threads=1, device_id=None, seed=seed, enable_conditionals=True)
    def copies():
        return augment(fn.external_source(lambda: [image] * count, batch=True, layout="HWC"))

    pipeline = copies()
    pipeline.build()
    return [np.array(one).tobytes() for one in pipeline.run()[0]]


IMAGE = real(3, 1)[0].permute(1, 2, 0).contiguous().numpy()
LOOKS = {
    "left": np.roll(IMAGE, -3, 1) * (np.arange(28) < 25)[:, None],
    "right": np.roll(IMAGE, 3, 1) * (np.arange(28) >= 3)[:, None],
    "inverted": 255 - IMAGE,
    "bright": np.minimum(IMAGE * 1.5, 255).astype("uint8"),
    "dark": (IMAGE * 0.5).astype("uint8"),
    "as it was": IMAGE,
}
WEIGHTED = {
    "sub_policies": [
        {"steps": [{"operation": "translate-x-pixels", "magnitude": 3.0}], "weight": 3},
        {
            "steps": [
                {"one_of": [{"operation": "invert", "probability": 0.4}, {"operation": "brightness", "magnitude": 0.5}]}
            ],
            "weight": 2,
        },
    ]
}
EXPECTED = {"left": 0.3, "right": 0.3, "inverted": 0.08, "as it was": 0.12, "bright": 0.1, "dark": 0.1}


def test_frequencies_of_operations_and_signs():
    """Chi-square at 1e-6 over what 1500 draws did to one image, and two planted faults that it sees."""
    pytest.importorskip("nvidia.dali")
    names = {look.astype("uint8").tobytes(): name for name, look in LOOKS.items()}
    out = after(Policy.from_dict(WEIGHTED).to_dali(), IMAGE, 1500)
    drawn = [names[one] for one in out]
    assert pvalue(drawn, EXPECTED) > FALSE_ALARM
    assert pvalue(["left" if name == "right" else name for name in drawn], EXPECTED) < FALSE_ALARM
    unweighted = [{**sub, "weight": 1} for sub in WEIGHTED["sub_policies"]]
    out = after(Policy.from_dict({"sub_policies": unweighted}).to_dali(), IMAGE, 1500)
    assert pvalue([names[one] for one in out], EXPECTED) < FALSE_ALARM


def test_magnitudes_of_levels_and_noisy_ones():
    pytest.importorskip("nvidia.dali")
    levels = policy({"operation": "solarize", "magnitude": {"start": 40.0, "stop": 220.0, "levels": 4}})
    looks = {np.where(m <= IMAGE, 255 - IMAGE, IMAGE).tobytes(): m for m in (40, 100, 160, 220)}
    assert pvalue([looks[one] for one in after(levels.to_dali(), IMAGE, 800)], dict.fromkeys(looks.values(), 0.25)) > (
        FALSE_ALARM
    )
    noisy = policy({"operation": "translate-x-pixels", "magnitude": {"mean": 4.0, "std": 9.0}, "signed": False})
    assert len(set(after(noisy.to_dali(), IMAGE, 200))) > 15


def test_the_pipelines_seed_repeats_the_draws():
    pytest.importorskip("nvidia.dali")
    augment = Policy.preset("trivialaugment-wide").to_dali(allow_loss=True)
    first, again, other = (after(augment, IMAGE, 16, seed) for seed in (4, 4, 5))
    assert first == again != other and len(set(first)) > 6


def test_the_file_runs(tmp_path):
    pytest.importorskip("nvidia.dali")
    from policysearch.export.registry import export_to

    path, lost = export_to(Policy.preset("randaugment:2,9"), "dali", tmp_path / "learned.py", True, False)
    module = imported(path, "learned")
    assert len(set(after(module.augment, IMAGE, 8))) > 4 and "enable_conditionals=True" in module.__doc__
    assert any("OpenCV" in reason for reason in lost)


def test_what_dali_cannot_say_is_named():
    rich = policy(
        {"operation": "soft-crop", "magnitude": 0.2},
        {"some_of": [{"operation": "invert"}, {"operation": "rotate", "magnitude": 9.0}]},
        softening={"k": 2},
        mix={"operation": "mixup"},
    )
    with pytest.raises(UserError) as caught:
        rich.to_dali()
    for part in ("soft-crop is not written for dali", "softened", "mix of the batch", "random order"):
        assert part in str(caught.value), part


def test_the_file_is_well_formatted_and_needs_no_more_than_dali(tmp_path):
    import subprocess

    expressed, _ = to_dali.expressible(Policy.preset("trivialaugment-wide"))
    path = tmp_path / "learned_policy.py"
    path.write_text(to_dali.write(expressed, "learned_policy"))
    assert "policysearch" not in path.read_text().partition('"""\n\n')[2]
    for command in (["check"], ["format", "--check"]):
        run = [sys.executable, "-m", "ruff", *command, "--config", "pyproject.toml", str(path)]
        done = subprocess.run(run, capture_output=True)
        assert done.returncode == 0, done.stdout.decode()
