"""Exports for Lightning with the real trainer: which batches are augmented, with what labels, at which progress."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from policysearch.core.errors import UserError
from policysearch.export.registry import export_to
from policysearch.export.to_lightning import expressible, live, write
from policysearch.policy.policy import Policy
from tests.support.exports import imported, policy, real

ROOT = Path(__file__).parents[2]
INVERT = {"operation": "invert"}
MIXED = policy(
    {"operation": "soft-crop", "magnitude": 0.3}, softening={"k": 2, "mode": "both"}, mix={"operation": "mixup"}
)
STAGED = policy(INVERT, stages=[{"start": 0.5, "sub_policies": [{"steps": []}]}])
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def library():
    return pytest.importorskip("lightning")


def written(given: Policy, folder: Path, name: str):
    path = folder / f"{name}.py"
    path.write_text(write(expressible(given)[0], name), encoding="utf-8")
    return imported(path, name)


@pytest.mark.parametrize("given", [Policy.preset("randaugment:2,9"), MIXED, STAGED], ids=["hard", "soft", "staged"])
def test_files_are_well_formatted_and_need_no_policysearch(given, tmp_path):
    path = tmp_path / "learned_policy.py"
    path.write_text(write(expressible(given)[0], "learned_policy"), encoding="utf-8")
    for command in (["check"], ["format", "--check"]):
        settings = ["--config", str(ROOT / "pyproject.toml")]
        done = subprocess.run([sys.executable, "-m", "ruff", *command, *settings, str(path)], capture_output=True)
        assert done.returncode == 0, done.stdout.decode()
    assert "policysearch" not in path.read_text().partition('"""\n\n')[2]


def trained(L, hook, epochs: int = 1, callbacks=lambda data: [], **attributes):
    """What training and validation steps got, epoch by epoch."""
    seen: dict[str, list] = {"training": [], "validation": []}

    class Data(hook, L.LightningDataModule):
        def train_dataloader(self):
            return DataLoader(TensorDataset(real(1, 8), torch.arange(8) % 4), batch_size=4)

        val_dataloader = train_dataloader

    class Network(L.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(28 * 28, 4)

        def training_step(self, batch, _):
            seen["training"].append(batch)
            return self.layer(batch[0].flatten(1) / 255).square().mean()

        def validation_step(self, batch, _):
            seen["validation"].append(batch)

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.1)

    data = Data()
    for name, value in attributes.items():
        setattr(data, name, value)
    L.Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, num_sanity_val_steps=1, callbacks=callbacks(data),
    ).fit(Network(), data)  # fmt: skip
    return seen


def test_training_batches_are_augmented_and_others_are_not(library, tmp_path):
    seen = trained(library, written(policy(INVERT), tmp_path, "inverting").LearnedHook)
    images = torch.cat([batch[0] for batch in seen["training"]])
    assert torch.equal(images, 255 - real(1, 8))
    assert torch.equal(torch.cat([batch[1] for batch in seen["training"]]), torch.arange(8) % 4)
    assert all(torch.equal(batch[0], real(1, 8)[:4]) for batch in seen["validation"][:2])  # the second is epoch 0's


def test_a_network_without_a_data_module_takes_the_hook_too(library):
    seen = []

    class Network(live(policy(INVERT)), library.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(28 * 28, 4)

        def training_step(self, batch, _):
            seen.append(batch[0])
            return self.layer(batch[0].flatten(1) / 255).square().mean()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.1)

    network, loader = Network(), DataLoader(TensorDataset(real(1, 8), torch.arange(8)), batch_size=4)
    library.Trainer(
        max_epochs=1, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    ).fit(network, loader)  # fmt: skip
    assert torch.equal(torch.cat(seen), 255 - real(1, 8))
    assert network.policy is network.policy and [name for name, _ in network.named_children()] == ["layer"]


def test_softened_and_mixed_targets_are_those_of_the_policy(library, tmp_path):
    module = written(MIXED, tmp_path, "mixed_policy")
    torch.manual_seed(5)
    seen = trained(library, module.LearnedHook, num_classes=4)
    images, targets, weights = (torch.cat(part) for part in zip(*seen["training"], strict=True))
    assert images.shape == (8, 1, 28, 28) and targets.shape == (8, 4) and weights.shape == (8,)
    assert torch.allclose(targets.sum(1), torch.ones(8)) and (targets > 0).sum(1).min() == 4
    assert weights.min() < 1 and module.loss(torch.zeros(8, 4), targets, weights) > 0


def test_the_same_draws_give_the_same_batch_as_the_policy_alone(library, tmp_path):
    module = written(MIXED, tmp_path, "mixed_again")
    hook = MIXED.to_lightning(num_classes=4)()
    alone = module.SoftLearnedPolicy(4)
    torch.manual_seed(1)
    first = hook.augmented(real(1, 6), torch.arange(6) % 4)
    torch.manual_seed(1)
    second = alone.collate([alone(image, i % 4) for i, image in enumerate(real(1, 6))])
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_every_image_of_a_batch_gets_a_draw_of_its_own(library):
    half = policy({"operation": "invert", "probability": 0.5})
    torch.manual_seed(0)
    images, _ = live(half)().augmented(real(1, 1).expand(400, 1, 28, 28), torch.zeros(400))
    assert 140 < int((images[:, 0, 0, 0] == 255 - real(1, 1)[0, 0, 0, 0]).sum()) < 260  # 200, six deviations of 10


def test_stages_follow_the_training(library, tmp_path):
    module = written(STAGED, tmp_path, "staged_policy")
    seen = trained(library, module.LearnedHook, 4, lambda data: [module.LearnedCallback(data)])
    inverted = [torch.equal(batch[0], 255 - real(1, 8)[4 * (i % 2) :][:4]) for i, batch in enumerate(seen["training"])]
    assert inverted == [True] * 4 + [False] * 4
    lasting = SimpleNamespace(train_dataloader=SimpleNamespace(persistent_workers=True))
    with pytest.raises(ValueError, match="persistent_workers=False"):
        module.LearnedCallback(module.LearnedPolicy()).on_train_epoch_start(lasting, None)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (Policy.preset("simsiam-sa1"), "two views"),
        (policy(INVERT, mix={"operation": "snapmix"}), "activation maps"),
        (Policy.preset("entaugment"), "need the network"),
    ],
)
def test_what_it_cannot_say_is_named_and_refused(given, reason, tmp_path):
    with pytest.raises(UserError, match=reason):
        export_to(given, "lightning", tmp_path / "learned.py", allow_loss=False, force=False)
    assert not list(tmp_path.iterdir())
