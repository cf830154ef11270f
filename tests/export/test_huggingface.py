"""Exports for Hugging Face with transformers and datasets: pixels, labels, progress, and a trainer."""

from __future__ import annotations

import math
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch.utils.data import DataLoader
from torchvision.transforms.v2.functional import to_pil_image

from policysearch.augmentation.soft_targets import soft_loss
from policysearch.core.errors import UserError
from policysearch.export.registry import export_to
from policysearch.export.to_huggingface import expressible, write
from policysearch.policy.policy import Policy
from tests.support.exports import imported, policy, real
from tests.support.loader_draws import SEQUENCE, drawn_in_loader, faults

ROOT = Path(__file__).parents[2]
SIDE = 32
INVERT = {"operation": "invert"}
MIXED = policy(
    {"operation": "soft-crop", "magnitude": 0.3}, softening={"k": 2, "mode": "both"}, mix={"operation": "mixup"}
)
STAGED = policy(INVERT, stages=[{"start": 0.5, "sub_policies": [{"steps": []}]}])
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def library():
    return pytest.importorskip("transformers")


@pytest.fixture
def processor(library):
    return library.ViTImageProcessor(size={"height": SIDE, "width": SIDE})


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


def test_pixels_are_the_policys_between_resizing_and_normalising(processor, tmp_path):
    """Of images of another size, through a data set: the processor's own pixels of inverted images of its size."""
    datasets = pytest.importorskip("datasets")
    pictures = [to_pil_image(image) for image in real(3, 4)]
    data = datasets.Dataset.from_dict(
        {"image": pictures, "label": [0, 1, 2, 3]},
        features=datasets.Features({"image": datasets.Image(), "label": datasets.Value("int64")}),
    )
    data.set_transform(written(policy(INVERT), tmp_path, "inverting").LearnedTransform(processor))
    sized = processor(images=pictures, do_rescale=False, do_normalize=False, return_tensors="pt")["pixel_values"]
    expected = (255 - sized) / 255 * 2 - 1
    sample = data[1]
    assert sample["labels"] == 1 and torch.allclose(sample["pixel_values"], expected[1], atol=1e-5)
    assert torch.allclose(data[:]["pixel_values"], expected, atol=1e-5)


def test_grey_images_become_colour_and_arrays_are_refused(processor, tmp_path):
    transform = written(policy(INVERT), tmp_path, "grey").LearnedTransform(processor, image="picture")
    out = transform({"picture": [to_pil_image(real(1)[0])]})
    assert out["pixel_values"].shape == (1, 3, SIDE, SIDE) and "labels" not in out
    with pytest.raises(TypeError, match="PIL images, got ndarray"):
        transform({"picture": [real(1)[0].numpy()]})


def test_processors_that_crop_crop_once(library, tmp_path):
    size = {"size": {"shortest_edge": 48}, "crop_size": {"height": SIDE, "width": SIDE}}
    cropping = library.CLIPImageProcessor(**size)
    transform = written(policy({"operation": "identity"}), tmp_path, "cropping").LearnedTransform(cropping)
    picture = to_pil_image(real(3)[0])
    expected = cropping(images=[picture], return_tensors="pt")["pixel_values"]
    assert torch.allclose(transform({"image": [picture]})["pixel_values"], expected, atol=0.02)


def test_softened_and_mixed_labels_are_those_of_the_policy(processor, tmp_path):
    """Labels are targets times weights; the loss is that of the targets and weights, whatever is accumulated."""
    module = written(MIXED, tmp_path, "mixed_policy")
    transform = module.LearnedTransform(processor, num_classes=5)
    images, labels = real(3, 5), list(range(5))
    torch.manual_seed(2)
    pictures = [to_pil_image(image) for image in images]
    batch = transform({"image": pictures, "label": labels})
    samples = [{key: values[i] for key, values in batch.items()} for i in range(5)]
    collated = transform.collate(samples)
    torch.manual_seed(2)
    policy_alone = module.SoftLearnedPolicy(5)
    sized = transform.resized(pictures)
    parts = [policy_alone(image, label) for image, label in zip(sized, labels, strict=True)]
    mixed, targets, weights = policy_alone.collate(parts)
    assert torch.allclose(collated["labels"], targets * weights[:, None])
    assert torch.allclose(collated["pixel_values"], mixed / 255 * 2 - 1, atol=1e-5)
    logits = torch.randn(5, 5)
    outputs, expected = {"logits": logits}, module.loss(logits, targets, weights)
    assert torch.allclose(module.compute_loss(outputs, collated["labels"]), expected, atol=1e-6)
    both = module.compute_loss(outputs, collated["labels"], num_items_in_batch=torch.tensor(2 * 25))
    assert torch.allclose(both, expected / 2, atol=1e-6), "half of the images of two batches"
    torch.manual_seed(2)
    again = MIXED.to_huggingface(processor, num_classes=5)({"image": pictures, "label": labels})
    assert all(torch.equal(a, b) for a, b in zip(again["images"], batch["images"], strict=True))
    assert module.compute_loss(outputs, torch.arange(5)) == torch.nn.functional.cross_entropy(logits, torch.arange(5))


@pytest.mark.parametrize("name", ["ViTImageProcessorPil", "ConvNextImageProcessor", "EfficientNetImageProcessor"])
def test_an_identity_leaves_what_each_kind_of_processor_gives(library, name, tmp_path):
    kind = getattr(library, name, None)
    if kind is None:
        pytest.skip(f"transformers has no {name}")
    size = {"shortest_edge": SIDE} if name.startswith("ConvNext") else {"height": SIDE, "width": SIDE}
    pictures = [to_pil_image(image) for image in real(3, 2)]
    expected = torch.as_tensor(kind(size=size)(images=pictures, return_tensors="pt")["pixel_values"])
    out = policy({"operation": "identity"}).to_huggingface(kind(size=size))({"image": pictures})["pixel_values"]
    assert torch.allclose(out, expected, atol=1e-4)


def by_transform(transform, image):
    """[1, 16, 16] uint8 through a processor that changes nothing but the form."""
    values = transform({"image": [to_pil_image(image)]})["pixel_values"][0, :1]
    return values.round().to(torch.uint8)


def test_draws_in_a_loader_are_those_of_the_policy(library, tmp_path):
    same = library.ViTImageProcessor(do_resize=False, do_rescale=False, do_normalize=False)
    transform = written(SEQUENCE.policy, tmp_path, "sequence").LearnedTransform(same)
    assert faults(SEQUENCE, drawn_in_loader(SEQUENCE, partial(by_transform, transform), epochs=2, images=120)) == []


def test_progress_comes_from_the_trainer_and_lasting_workers_are_refused(processor, tmp_path):
    module = written(STAGED, tmp_path, "staged_policy")
    transform = module.LearnedTransform(processor)
    callback = module.LearnedProgress(transform)
    arguments = SimpleNamespace(dataloader_num_workers=0, dataloader_persistent_workers=False)
    callback.on_epoch_begin(arguments, SimpleNamespace(global_step=6, max_steps=8), None)
    assert transform.progress == 0.75 and transform.policy.draw() == []
    lasting = SimpleNamespace(dataloader_num_workers=2, dataloader_persistent_workers=True)
    with pytest.raises(ValueError, match="dataloader_persistent_workers=False"):
        callback.on_epoch_begin(lasting, SimpleNamespace(global_step=0, max_steps=8), None)


@pytest.mark.parametrize("given", [MIXED, STAGED], ids=["soft", "staged"])
def test_a_trainer_trains_with_it(library, processor, given, tmp_path):
    """A tiny vision transformer, two epochs of three steps, from a data set with the transform."""
    datasets = pytest.importorskip("datasets")
    pytest.importorskip("accelerate")
    module = written(given, tmp_path, f"trained_{'soft' if given is MIXED else 'staged'}")
    data = datasets.Dataset.from_dict(
        {"image": [to_pil_image(image) for image in real(3, 12)], "label": [i % 3 for i in range(12)]},
        features=datasets.Features({"image": datasets.Image(), "label": datasets.Value("int64")}),
    )
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 16}
    network = library.ViTForImageClassification(
        library.ViTConfig(image_size=SIDE, patch_size=16, num_labels=3, **sizes)
    )
    arguments = library.TrainingArguments(
        str(tmp_path / "out"), remove_unused_columns=False, num_train_epochs=2, per_device_train_batch_size=4,
        report_to=[], use_cpu=True, save_strategy="no", disable_tqdm=True,
    )  # fmt: skip
    if given is MIXED:
        transform = module.LearnedTransform(processor, num_classes=3)
        more = {"data_collator": transform.collate, "compute_loss_func": module.compute_loss}
    else:
        transform = module.LearnedTransform(processor)
        more = {"callbacks": [module.LearnedProgress(transform)]}
    data.set_transform(transform)
    before = [parameter.clone() for parameter in network.parameters()]
    done = library.Trainer(network, arguments, train_dataset=data, **more).train()
    assert done.global_step == 6 and done.training_loss > 0
    assert any(not torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))
    assert given is MIXED or transform.progress == 0.5


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (Policy.preset("simsiam-sa1"), "two views"),
        (policy(INVERT, about={"loss": {"kind": "online-label-smoothing"}}), "learns after every epoch"),
        (policy(INVERT, mix={"operation": "snapmix"}), "activation maps"),
        (Policy.preset("entaugment"), "need the network"),
    ],
)
def test_what_it_cannot_say_is_named_and_refused(given, reason, tmp_path):
    with pytest.raises(UserError, match=reason):
        export_to(given, "huggingface", tmp_path / "learned.py", allow_loss=False, force=False)
    assert not list(tmp_path.iterdir())


def test_a_data_set_of_torch_can_use_it_without_datasets(processor, tmp_path):
    """What a DataLoader gives in batches, collated by torch."""
    transform = written(policy(INVERT), tmp_path, "plain_policy").LearnedTransform(processor)
    rows = [{"image": to_pil_image(image), "label": 1} for image in real(3, 4)]
    batches = DataLoader(
        rows, batch_size=2, collate_fn=lambda part: transform({k: [r[k] for r in part] for k in part[0]})
    )
    assert [batch["pixel_values"].shape[0] for batch in batches] == [2, 2]


def test_labels_that_are_no_classes_are_refused(processor):
    """In training by the transform, in evaluation by the loss."""
    transform = Policy.preset("soft-crop").to_huggingface(processor, 4)
    with pytest.raises(ValueError, match=r"classes from 0 to 3, got 9: is num_classes 4 right"):
        transform({"image": [to_pil_image(real(3)[0])], "label": [9]})
    from policysearch.export.templates.huggingface_hooks import loss_of_labels

    with pytest.raises(ValueError, match="classes from 0 to 3, got 0 to 5"):
        loss_of_labels(soft_loss, torch.zeros(2, 4), torch.tensor([0, 5]), None)
    with_nothing = loss_of_labels(soft_loss, torch.zeros(2, 4), torch.tensor([1, -100]), None)
    assert with_nothing == pytest.approx(math.log(4))


def test_a_column_that_the_data_lack_is_named(library):
    transform = Policy.preset("soft-crop").to_huggingface(None, 4)
    with pytest.raises(ValueError, match="no column 'image', it has 'img', 'label'"):
        transform({"img": [], "label": []})
