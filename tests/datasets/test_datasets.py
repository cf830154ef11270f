"""Data from wherever people have them: each source against the arrays it was written from."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import torchvision
from PIL import Image
from torchvision.transforms import v2

from policysearch.child.device_data import on_device
from policysearch.core.errors import UserError
from policysearch.datasets.config import DataSettings
from policysearch.datasets.load import load
from policysearch.datasets.registry import NAMED
from policysearch.datasets.split import split
from tests.support.image_files import (
    NAMES,
    encoded,
    some_images,
    write_cifar10,
    write_folder,
    write_gtsrb,
    write_idx,
    write_parquet,
    write_stl10,
    write_svhn,
)

LABELS = np.arange(60) % 3


def settings(path, **others) -> DataSettings:
    return DataSettings(data=str(path), **others)


def by_label(images: np.ndarray, labels: np.ndarray) -> set[tuple[int, bytes]]:
    """Images [N, C, H, W] with their labels, whatever their order."""
    return {(int(label), np.ascontiguousarray(image).tobytes()) for image, label in zip(images, labels, strict=True)}


def channels_first(images: np.ndarray) -> np.ndarray:
    return images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)


def everything(dataset) -> set[tuple[int, bytes]]:
    return by_label(dataset.x_train, dataset.y_train) | by_label(dataset.x_test, dataset.y_test)


class TestFolders:
    @pytest.mark.parametrize("channels", [1, 3])
    @pytest.mark.parametrize("suffix", [".png", ".bmp", ".WEBP", ".tiff"])
    def test_pixels_and_classes_are_those_of_the_files(self, tmp_path, channels, suffix):
        images = some_images(channels=channels)
        folder = tmp_path / "pets"
        for i, image in enumerate(images):
            path = folder / NAMES[i % 3] / f"{i}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            lossless = {"lossless": True} if suffix == ".WEBP" else {}
            Image.fromarray(image).save(path, **lossless)
        dataset = load(settings(folder))
        grey = channels == 1 and suffix != ".WEBP"  # which has no grey
        expected = channels_first(images) if grey or channels == 3 else np.repeat(images[:, None], 3, 1)
        assert dataset.name == "pets" and dataset.classes == NAMES and dataset.shape == (1 if grey else 3, 12, 12)
        assert everything(dataset) == by_label(expected, LABELS)

    def test_parts_of_its_own_are_kept(self, tmp_path):
        parts = {name: some_images(12, seed=i) for i, name in enumerate(("train", "val", "test"))}
        for name, images in parts.items():
            write_folder(tmp_path / name, images)
        dataset = load(settings(tmp_path))
        sides = split(dataset, None, 0)
        labels = np.arange(12) % 3
        train, validation = (
            by_label(dataset.x_train[side], dataset.y_train[side]) for side in (sides.train, sides.validation)
        )
        assert train == by_label(channels_first(parts["train"]), labels)
        assert validation == by_label(channels_first(parts["val"]), labels)
        assert by_label(dataset.x_test, dataset.y_test) == by_label(channels_first(parts["test"]), labels)
        assert not dataset.warnings
        fewer = split(dataset, 6, 1).validation
        assert len(fewer) == 6 and set(fewer) < set(sides.validation)
        with pytest.raises(UserError, match="12 own validation images allow 3 to 12"):
            split(dataset, 13, 0)

    def test_a_test_part_is_set_aside_where_there_is_none(self, tmp_path):
        write_folder(tmp_path, some_images(60))
        with_copy = load(settings(tmp_path))
        assert len(with_copy.y_test) == 12 and (np.bincount(with_copy.y_test) == 4).all()
        assert len(with_copy.y_train) == 48
        assert any("12 of the images was set aside" in text for text in with_copy.warnings)
        assert len(everything(with_copy)) == 60

    def test_grey_and_colour_together_are_colour(self, tmp_path):
        write_folder(tmp_path, some_images(30))
        grey = some_images(1, channels=1, seed=9)[0]
        Image.fromarray(grey).save(tmp_path / "cat" / "grey.png")
        dataset = load(settings(tmp_path))
        assert dataset.shape == (3, 12, 12)
        assert (1, np.repeat(grey[None], 3, 0).tobytes()) in everything(dataset)

    def test_palettes_transparency_and_sixteen_bits(self, tmp_path):
        write_folder(tmp_path, some_images(30))
        image = Image.fromarray(some_images(1, seed=5)[0])
        image.quantize(16).save(tmp_path / "cat" / "palette.png")
        image.convert("RGBA").save(tmp_path / "cat" / "alpha.png")
        deep = some_images(1, channels=1, seed=6)[0].astype(np.uint16) * 256 + 17
        Image.fromarray(deep).save(tmp_path / "cat" / "deep.png")
        pixels = {pixels for label, pixels in everything(load(settings(tmp_path))) if label == 1}
        assert np.asarray(image.quantize(16).convert("RGB")).transpose(2, 0, 1).tobytes() in pixels
        assert np.asarray(image).transpose(2, 0, 1).tobytes() in pixels
        assert np.repeat((deep >> 8).astype(np.uint8)[None], 3, 0).tobytes() in pixels

    def test_hidden_files_and_others_are_passed_over(self, tmp_path):
        write_folder(tmp_path, some_images(30))
        (tmp_path / "README.txt").write_text("hello")
        (tmp_path / ".git").mkdir()
        (tmp_path / "cat" / "._1.png").write_bytes(b"no image")
        assert load(settings(tmp_path)).classes == NAMES


class TestParquet:
    def test_the_hubs_layout(self, tmp_path):
        images = some_images(60)
        features = {"info": {"features": {"fine_label": {"names": list(NAMES), "_type": "ClassLabel"}}}}
        metadata = {"huggingface": json.dumps(features)}
        for i, rows in enumerate((slice(0, 20), slice(20, 40))):
            path = tmp_path / "data" / f"train-0000{i}-of-00002.parquet"
            write_parquet(path, images[rows], LABELS[rows], "image", "fine_label", metadata, coarse_label=[0] * 20)
        rest = {"image": "image", "label": "fine_label", "metadata": metadata}
        write_parquet(tmp_path / "data" / "validation-00000-of-00001.parquet", images[40:50], LABELS[40:50], **rest)
        write_parquet(tmp_path / "data" / "test-00000-of-00001.parquet", images[50:], LABELS[50:], **rest)
        dataset = load(settings(tmp_path))
        assert dataset.classes == NAMES and not dataset.warnings
        assert np.array_equal(dataset.x_train, channels_first(images[:50])) and np.array_equal(
            dataset.y_train, LABELS[:50]
        )
        assert np.array_equal(dataset.x_test, channels_first(images[50:])) and np.array_equal(
            dataset.y_test, LABELS[50:]
        )
        assert np.array_equal(split(dataset, None, 0).validation, np.arange(40, 50))

    def test_one_file_with_named_labels(self, tmp_path):
        path = write_parquet(tmp_path / "pets.parquet", some_images(), [NAMES[k] for k in LABELS])
        dataset = load(settings(path))
        assert dataset.name == "pets" and dataset.classes == NAMES
        assert everything(dataset) == by_label(channels_first(some_images()), LABELS)

    def test_a_folder_a_part(self, tmp_path):
        images = some_images(60)
        for part, rows in (("train", slice(0, 50)), ("test", slice(50, 60))):
            write_parquet(tmp_path / part / "0000.parquet", images[rows], LABELS[rows])
        dataset = load(settings(tmp_path))
        assert np.array_equal(dataset.x_train, channels_first(images[:50]))
        assert np.array_equal(dataset.x_test, channels_first(images[50:])) and not dataset.warnings

    def test_bytes_alone_and_images_that_are_not_encoded(self, tmp_path):
        cells = [encoded(image) for image in some_images()]
        pq.write_table(pa.table({"image": cells, "label": LABELS}), tmp_path / "a.parquet")
        assert everything(load(settings(tmp_path / "a.parquet"))) == by_label(channels_first(some_images()), LABELS)
        pq.write_table(pa.table({"image": [[1, 2]] * 60, "label": LABELS}), tmp_path / "b.parquet")
        with pytest.raises(UserError, match=r"they must be encoded: \{bytes, path\}"):
            load(settings(tmp_path / "b.parquet"))

    def test_class_names_beside_it(self, tmp_path):
        path = write_parquet(tmp_path / "pets.parquet", some_images(), LABELS)
        assert load(settings(path)).classes == ("0", "1", "2")
        (tmp_path / "classes.txt").write_text("\n".join(NAMES) + "\n")
        assert load(settings(path)).classes == NAMES

    def test_parts_by_the_beginning_of_their_names(self, tmp_path):
        for part, rows in (("train_0", slice(0, 45)), ("test_0", slice(45, 60))):
            write_parquet(tmp_path / f"{part}.parquet", some_images()[rows], LABELS[rows])
        dataset = load(settings(tmp_path))
        assert np.array_equal(dataset.x_test, channels_first(some_images()[45:])) and not dataset.warnings

    @pytest.mark.parametrize("text", ["{no", "[1]", '{"info": null}', '{"info": {"features": {"label": {}}}}'])
    def test_metadata_that_say_nothing(self, tmp_path, text):
        path = write_parquet(tmp_path / "pets.parquet", some_images(), LABELS, metadata={"huggingface": text})
        assert load(settings(path)).classes == ("0", "1", "2")


def hub_parts(folder, names, other, labels=LABELS):
    """A train and a test part in the hubs' layout, each with class names of its own."""
    for part, own, given in (("train", names, LABELS), ("test", other, labels)):
        features = {"info": {"features": {"label": {"names": list(own), "_type": "ClassLabel"}}}}
        write_parquet(
            folder / f"{part}.parquet", some_images(), list(given), metadata={"huggingface": json.dumps(features)}
        )


def small_named(root, name):
    """A small data set in the layout that torchvision reads under that name."""
    if name.endswith("MNIST"):
        write_idx(root / name / "raw", some_images(50, 28, 1), some_images(20, 28, 1, seed=1))
    elif name == "CIFAR10":
        write_cifar10(root / "cifar-10-batches-py", some_images(50, 32), some_images(20, 32, seed=1))
    elif name == "SVHN":
        write_svhn(root, some_images(50, 32), some_images(20, 32, seed=1))
    elif name == "STL10":
        write_stl10(root / "stl10_binary", some_images(50, 96), some_images(20, 96, seed=1))
    elif name == "GTSRB":
        write_gtsrb(root / "gtsrb", 4, 3)
    return root


class TestNamed:
    @pytest.mark.parametrize("name", ["MNIST", "FashionMNIST", "KMNIST", "CIFAR10", "SVHN", "STL10", "GTSRB"])
    def test_they_are_what_torchvision_gives(self, tmp_path, name, monkeypatch):
        kind = getattr(torchvision.datasets, name)
        monkeypatch.setattr(kind, "_check_integrity", lambda self: True, raising=False)
        monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *_: True)
        monkeypatch.setattr("torchvision.datasets.svhn.check_integrity", lambda *_: True)
        dataset = load(settings(name, data_root=str(small_named(tmp_path, name))))
        for part, images, labels in (
            ("train", dataset.x_train, dataset.y_train),
            ("test", dataset.x_test, dataset.y_test),
        ):
            theirs = kind(str(tmp_path), **NAMED[name].parts[part])
            assert len(theirs) == len(images) >= 6
            for i, (image, label) in enumerate(theirs):
                assert np.array_equal(channels_first(np.asarray(image)[None])[0], images[i]) and label == labels[i]
        assert dataset.name == name
        if hasattr(theirs, "classes"):
            assert dataset.classes == tuple(theirs.classes)

    def test_every_row_names_a_data_set_that_takes_its_arguments(self):
        import inspect

        for name, row in NAMED.items():
            signature = inspect.signature(getattr(torchvision.datasets, name).__init__).parameters
            assert "download" in signature or "kwargs" in signature, name
            for arguments in row.parts.values():
                assert {"train": bool, "split": str}.items() >= {k: type(v) for k, v in arguments.items()}.items()
                assert set(arguments) <= set(signature) or "kwargs" in signature, name

    def test_nothing_is_downloaded_unless_asked(self, tmp_path, monkeypatch):
        def refuse(*_args, **_named):
            raise OSError("the network was touched")

        monkeypatch.setattr("urllib.request.urlopen", refuse)
        with pytest.raises(UserError, match=r"'CIFAR10': it cannot be read from .*--download fetches them") as error:
            load(settings("CIFAR10", data_root=str(tmp_path)))
        assert "touched" not in str(error.value)
        with pytest.raises(UserError, match="touched"):
            load(settings("CIFAR10", data_root=str(tmp_path), download=True))

    def test_tracks_stay_together(self, tmp_path):
        dataset = load(settings("GTSRB", data_root=str(small_named(tmp_path, "GTSRB")), group="track"))
        assert dataset.groups is not None and len(np.unique(dataset.groups)) == 12
        assert (np.bincount(dataset.groups) == 3).all()
        sides = split(dataset, None, 0)
        assert not set(dataset.groups[sides.train]) & set(dataset.groups[sides.validation])


class TestArrays:
    def test_a_function_and_a_file_of_the_same_arrays_are_the_same_data(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        arrays = {
            "x_train": some_images(),
            "y_train": LABELS,
            "x_test": some_images(9, seed=1),
            "y_test": np.arange(9) % 3,
        }
        np.savez(tmp_path / "mine.npz", **arrays)
        (tmp_path / "my_data.py").write_text(
            "import numpy as np\n"
            "def mapping(): return dict(np.load('mine.npz'))\n"
            "def four(): return tuple(np.load('mine.npz')[n] for n in ('x_train', 'y_train', 'x_test', 'y_test'))\n"
            "def two(): return four()[:2]\n"
            "def fails(): raise KeyError('no such column')\n"
            "def text(): return 'mine.npz'\n"
        )
        file = load(settings("mine.npz"))
        for spec in ("my_data:mapping", "my_data.py:four", str(tmp_path / "my_data.py") + ":four"):
            given = load(settings(spec))
            assert given.digest == file.digest and np.array_equal(given.x_train, file.x_train)
        assert len(load(settings("my_data:two")).y_test) == 12
        for name, sentence in (
            ("fails", "KeyError: 'no such column'"),
            ("text", "returned str"),
            ("nowhere", "nowhere"),
        ):
            with pytest.raises(UserError, match=sentence):
                load(settings(f"my_data:{name}"))


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("raise SystemExit(0)", "the function failed: SystemExit: 0"),
        ("return [[1], [1, 2]], [0, 1]", "x_train is no array: ValueError"),
        ("return torch.zeros(60, 12, 12).requires_grad_(), list(range(60))", "x_train is no array: RuntimeError"),
    ],
)
def test_functions_that_return_no_arrays(tmp_path, body, sentence):
    (tmp_path / "own.py").write_text(f"import torch\n\ndef data():\n    {body}\n")
    with pytest.raises(UserError, match=sentence):
        load(settings(f"{tmp_path / 'own.py'}:data"))


def test_a_module_that_exits_is_told(tmp_path):
    (tmp_path / "script.py").write_text("raise SystemExit(0)\n")
    with pytest.raises(UserError, match="cannot be loaded: SystemExit: 0"):
        load(settings(f"{tmp_path / 'script.py'}:data"))


class TestSizes:
    @pytest.fixture
    def uneven(self, tmp_path):
        for i, (height, width) in enumerate([(20, 30), (40, 24), (16, 16)] * 10):
            pixels = np.random.default_rng(i).integers(0, 256, (height // 4, width // 4, 3), dtype=np.uint8)
            path = tmp_path / "uneven" / NAMES[i % 3] / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC).save(path)
        return tmp_path / "uneven"

    def test_unequal_sizes_are_named(self, uneven):
        with pytest.raises(UserError, match=r"bird/0.png has 20×30 pixels and bird/.*give --resize"):
            (uneven / "bird" / "12.png").unlink()
            Image.fromarray(some_images(1, 9)[0]).save(uneven / "bird" / "12.png")
            load(settings(uneven))

    @pytest.mark.parametrize("aspect", ["crop", "pad", "stretch"])
    def test_all_come_to_one_size(self, uneven, aspect):
        dataset = load(settings(uneven, resize="12x16", aspect=aspect))
        assert dataset.shape == (3, 12, 16) and len(dataset.y_train) + len(dataset.y_test) == 30

    def test_against_torchvision(self, uneven):
        """Within 2 grey values on average: both filter by triangles, at places that differ by rounding."""
        transforms = {
            "stretch": v2.Resize((12, 12), antialias=True),
            "crop": v2.Compose([v2.Resize(12, antialias=True), v2.CenterCrop(12)]),
        }
        for aspect, transform in transforms.items():
            dataset = load(settings(uneven, resize="12", aspect=aspect))
            ours = np.concatenate([dataset.x_train, dataset.x_test]).astype(float)
            for path in sorted(uneven.rglob("*.png")):
                with Image.open(path) as image:
                    theirs = np.asarray(transform(image.convert("RGB"))).transpose(2, 0, 1).astype(float)
                assert np.abs(ours - theirs).mean((1, 2, 3)).min() < 2

    def test_padding_keeps_the_whole_image_and_is_black(self, tmp_path):
        for i in range(30):
            path = tmp_path / "white" / NAMES[i % 3] / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((20, 40), 200 + i, np.uint8)).save(path)
        dataset = load(settings(tmp_path / "white", resize="16", aspect="pad"))
        for image in dataset.x_train:
            assert (image[0, 4:12] == image.max()).all() and image.max() >= 200
            assert (image[0, :4] == 0).all() and (image[0, 12:] == 0).all()


def damaged_folder(root):
    write_folder(root, some_images(60))
    (root / "cat" / "cut.png").write_bytes(encoded(some_images(1)[0])[:-200])
    (root / "dog" / "text.png").write_text("no image")
    return root


def test_damaged_files_are_named_or_left_out(tmp_path):
    folder = damaged_folder(tmp_path / "pets")
    with pytest.raises(
        UserError, match=r"2 of 62 images cannot be read: cat/cut.png .*, dog/text.png .*--skip-damaged"
    ):
        load(settings(folder))
    dataset = load(settings(folder, skip_damaged=True))
    assert everything(dataset) == by_label(channels_first(some_images(60)), LABELS)
    assert "2 images that cannot be read were left out: cat/cut.png" in dataset.warnings[0]


def test_copies_across_parts_are_counted(tmp_path):
    images = some_images(60)
    write_folder(tmp_path / "train", np.concatenate([images, images[:6]]))
    write_folder(tmp_path / "test", np.concatenate([some_images(12, seed=1), images[:3]]))
    first, second = load(settings(tmp_path)).warnings
    assert first.startswith("3 of 15 test images are also training images")
    assert second.startswith("6 of 66 training images are copies of others")
    (tmp_path / "groups.csv").write_text(
        "image,group\n" + "".join(f"train/{NAMES[i % 3]}/{i:05}.png,{i % 60}\n" for i in range(66))
    )
    grouped = load(settings(tmp_path, group=str(tmp_path / "groups.csv")))
    assert len(grouped.warnings) == 1 and len(np.unique(grouped.groups)) == 60


def test_copies_between_validation_and_test_are_counted(tmp_path):
    held = some_images(21, seed=1)
    for part, images in (("train", some_images()), ("val", held[:15]), ("test", held[9:])):
        write_folder(tmp_path / part, images)
    (text,) = load(settings(tmp_path)).warnings
    assert text.startswith("6 of 12 test images are also validation images")


BAD = {
    "one class": (lambda p: write_folder(p, some_images(9), names=("cat",)), {}, "one class"),
    "empty": (lambda p: p.mkdir(), {}, "no images in sub-folders"),
    "flat": (
        lambda p: (p.mkdir(), Image.fromarray(some_images(1)[0]).save(p / "a.png")),
        {},
        "no images in sub-folders",
    ),
    "few": (lambda p: write_folder(p, some_images(6)), {}, "at least 3 per class"),
    "strange class": (
        lambda p: (write_folder(p / "train", some_images()), write_folder(p / "test", some_images(3), names=("cow",))),
        {},
        "class 'cow', which .*train has not",
    ),
    "two vals": (
        lambda p: [write_folder(p / n, some_images(6)) for n in ("train", "val", "valid")],
        {},
        "both val/ and valid/",
    ),
    "all damaged": (
        lambda p: (write_folder(p, some_images(1)), (p / "bird" / "00000.png").write_text("x")),
        {},
        "1 of 1",
    ),
    "tiny": (lambda p: write_folder(p, some_images(60, 4)), {}, "4×4 pixels; sides must be 8 to 512"),
    "no such group": (lambda p: write_folder(p, some_images()), {"group": "track"}, "no such file"),
    "parquet without images": (
        lambda p: write_parquet(p / "a.parquet", some_images(), LABELS, "pix", other=[b"x"] * 60),
        {},
        "no column of images .*pix, label, other; say which by --image-column NAME",
    ),
    "parquet without labels": (
        lambda p: write_parquet(p / "a.parquet", some_images(), LABELS, label="y"),
        {},
        "no column of labels .*say which by --label-column NAME",
    ),
    "no such column": (
        lambda p: write_parquet(p / "a.parquet", some_images(), LABELS),
        {"group": "track"},
        "no column 'track'",
    ),
    "label -1": (lambda p: write_parquet(p / "a.parquet", some_images(), LABELS - 1), {}, r"train\[0\] has label -1"),
    "no label": (
        lambda p: write_parquet(p / "a.parquet", some_images(3), [0, None, 1]),
        {},
        "1 of 3 images have no label",
    ),
    "permuted classes": (lambda p: hub_parts(p, NAMES, NAMES[::-1]), {}, "number their classes differently"),
    "numbers and names": (lambda p: hub_parts(p, NAMES, NAMES, ["cat"] * 60), {}, "numbers or names, got both"),
    "huge label": (
        lambda p: write_parquet(p / "a.parquet", some_images(), np.array([*LABELS[:59], 2**63], np.uint64)),
        {},
        r"train\[59\] \(OverflowError",
    ),
    "broken parquet": (lambda p: (p.mkdir(), (p / "a.parquet").write_bytes(b"PAR1 nothing PAR1")), {}, "cannot read"),
    "empty cell": (
        lambda p: write_parquet(p / "a.parquet", [b"", *some_images(59)], LABELS),
        {},
        r"1 of 60 .*train\[0\]",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_data_are_one_sentence(tmp_path, case):
    make, others, sentence = BAD[case]
    make(tmp_path / "data")
    with pytest.raises(UserError, match=sentence) as error:
        load(settings(tmp_path / "data", **others))
    assert "\n" not in str(error.value) and str(tmp_path / "data") in str(error.value)


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("CIFAR1", "did you mean CIFAR10"),
        ("nowhere/at/all", "No such file"),
        ("README.txt", "No such file"),
        ("nomodule:f", "cannot be loaded"),
    ],
)
def test_unknown_data_are_one_sentence(spec, sentence):
    with pytest.raises(UserError, match=sentence):
        load(spec)


@pytest.mark.parametrize("size", ["7", "513", "32x", "x32", "32x32x3", "-32", "big", ""])
def test_sizes_that_are_none(size):
    with pytest.raises(ValueError, match="a size is 32 or 32x48"):
        DataSettings(resize=size)


def test_statistics_are_those_of_the_training_side_and_pages_are_shared(tmp_path):
    write_folder(tmp_path, some_images(3000, 8))
    dataset = load(settings(tmp_path))
    sides = split(dataset, None, 0)
    data = on_device(dataset, sides, torch.device("cpu"))
    pixels = dataset.x_train[sides.train].astype(float)
    assert torch.allclose(data.mean.flatten().double(), torch.tensor(pixels.mean((0, 2, 3))), rtol=1e-6)
    assert torch.allclose(data.std.flatten().double(), torch.tensor(pixels.std((0, 2, 3))), rtol=1e-6)
    assert isinstance(dataset.x_train, np.memmap) and data.images.data_ptr() == dataset.x_train.ctypes.data


def test_a_size_may_be_a_number():
    assert DataSettings.model_validate({"resize": 32}).size == (32, 32)
    with pytest.raises(ValueError, match="a size is 32 or 32x48"):
        DataSettings.model_validate({"resize": 4})
