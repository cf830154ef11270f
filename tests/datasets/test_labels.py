"""Labels that are hidden, classes without images, and names of columns and arrays other than ours."""

from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from policysearch.core.errors import UserError
from policysearch.datasets.config import DataSettings
from policysearch.datasets.load import load
from tests.support.image_files import NAMES, encoded, some_images, write_parquet

LABELS = np.arange(60) % 3
HUB = {"info": {"features": {"kind": {"names": list(NAMES), "_type": "ClassLabel"}}}}


def settings(path, **others) -> DataSettings:
    return DataSettings(data=str(path), **others)


class TestHiddenLabels:
    @pytest.mark.parametrize("hidden", [[-1] * 12, [None] * 12, None])
    def test_a_test_part_of_a_hub_is_left_out(self, tmp_path, hidden):
        write_parquet(tmp_path / "train.parquet", some_images(), LABELS)
        cells = [{"bytes": encoded(image), "path": None} for image in some_images(12, seed=1)]
        columns = {"img": cells} if hidden is None else {"img": cells, "label": pa.array(hidden, pa.int64())}
        pq.write_table(pa.table(columns), tmp_path / "test.parquet")
        dataset = load(settings(tmp_path))
        assert (len(dataset.y_train), len(dataset.y_test)) == (48, 12)
        assert dataset.warnings[0] == "the labels of the test part are hidden (-1 or none): the part was left out"

    def test_in_arrays(self, tmp_path):
        parts = {"x_train": some_images(), "y_train": LABELS, "x_test": some_images(9, seed=1), "y_test": [-1] * 9}
        np.savez(tmp_path / "a.npz", **parts)
        dataset = load(settings(tmp_path / "a.npz"))
        assert len(dataset.y_test) == 12 and "hidden" in dataset.warnings[0]

    def test_some_hidden_labels_among_others_are_refused(self, tmp_path):
        write_parquet(tmp_path / "a.parquet", some_images(), [*LABELS[:59], -1])
        with pytest.raises(UserError, match=r"train\[59\] has label -1.*hidden label as a rule: remove such images"):
            load(settings(tmp_path))


class TestClassesWithoutImages:
    def test_they_are_left_out_and_named(self, tmp_path):
        names = ("ape", *NAMES[:1], "bee", *NAMES[1:], "cow")
        labels = np.array([1, 3, 4])[LABELS]
        np.savez(tmp_path / "a.npz", x_train=some_images(), y_train=labels, classes=names)
        dataset = load(settings(tmp_path / "a.npz"))
        assert dataset.classes == NAMES and "classes without images are left out: ape, bee, cow" in dataset.warnings
        by_image = {image.tobytes(): label for image, label in zip(dataset.x_train, dataset.y_train, strict=True)}
        images = some_images().transpose(0, 3, 1, 2)
        assert all(by_image.get(image.tobytes(), k) == k for image, k in zip(images, LABELS, strict=True))

    def test_numbers_may_have_gaps(self, tmp_path):
        np.savez(tmp_path / "a.npz", x_train=some_images(), y_train=LABELS * 4)
        assert load(settings(tmp_path / "a.npz")).classes == ("0", "4", "8")

    def test_but_not_where_another_part_has_images_of_them(self, tmp_path):
        arrays = {"x_train": some_images(), "y_train": LABELS * 2, "x_test": some_images(3, seed=1)}
        np.savez(tmp_path / "a.npz", **arrays, y_test=[0, 1, 2])
        with pytest.raises(UserError, match=r"test\[1\] is of class '1', which has no training images"):
            load(settings(tmp_path / "a.npz"))


class TestColumns:
    def test_named_by_the_flags(self, tmp_path):
        others = {"target": [0] * 60, "img": [1] * 60}
        path = write_parquet(tmp_path / "a.parquet", some_images(), LABELS, "pix", "kind", **others)
        dataset = load(settings(path, image_column="pix", label_column="kind"))
        assert dataset.shape == (3, 12, 12) and sorted(np.unique(dataset.y_train)) == [0, 1, 2]
        with pytest.raises(UserError, match="must be encoded"):
            load(settings(path))
        with pytest.raises(
            UserError, match=r"no column 'pics' \(--image-column\); its columns: pix, kind, target, img"
        ):
            load(settings(path, image_column="pics"))

    def test_the_only_ones_that_can_be_meant(self, tmp_path):
        metadata = {"huggingface": json.dumps(HUB)}
        write_parquet(tmp_path / "a.parquet", some_images(), LABELS, "pix", "kind", metadata, number=[7] * 60)
        dataset = load(settings(tmp_path))
        assert dataset.classes == NAMES and len(dataset.y_train) == 48

    def test_other_data_have_none(self, tmp_path):
        np.savez(tmp_path / "a.npz", x_train=some_images(), y_train=LABELS)
        with pytest.raises(UserError, match="--label-column kind: only Parquet has columns"):
            load(settings(tmp_path / "a.npz", label_column="kind"))

    def test_class_names_that_are_no_text(self, tmp_path):
        path = write_parquet(tmp_path / "a.parquet", some_images(), LABELS)
        (tmp_path / "classes.txt").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(UserError, match=r"classes.txt is not text in UTF-8"):
            load(settings(path))


MEDICAL = [("train", 60), ("val", 12), ("test", 15)]


def test_a_folder_of_shards_may_be_called_as_a_file(tmp_path):
    write_parquet(tmp_path / "pets.parquet" / "part-0.parquet", some_images(), LABELS)
    assert len(load(settings(tmp_path / "pets.parquet")).y_train) == 48


@pytest.mark.parametrize("layout", ["plain_text/{}-0.parquet", "default/{}/0000.parquet", "only/data/{}-0.parquet"])
def test_the_only_configuration_of_a_hub(tmp_path, layout):
    for part, rows in (("train", slice(0, 48)), ("test", slice(48, 60))):
        write_parquet(tmp_path / layout.format(part), some_images()[rows], LABELS[rows])
    dataset = load(settings(tmp_path))
    assert np.array_equal(dataset.x_test, some_images()[48:].transpose(0, 3, 1, 2)) and len(dataset.y_train) == 48
    write_parquet(tmp_path / "another" / "train-0.parquet", some_images(), LABELS)
    with pytest.raises(
        UserError, match=r"3 files \(3 .parquet\); give the folder of those Parquet files that are meant"
    ):
        load(settings(tmp_path))


class TestArrayNames:
    @pytest.mark.parametrize("naming", ["{}_images {}_labels", "x_{} y_{}", "X_{} Y_{}", "{}_x {}_y"])
    def test_collections_of_other_names(self, tmp_path, naming):
        """MedMNIST has labels of shape [N, 1]."""
        arrays = {}
        for seed, (part, count) in enumerate(MEDICAL):
            images, labels = naming.format(part, part).split()
            arrays |= {images: some_images(count, seed=seed), labels: LABELS[:count, None].astype(np.uint8)}
        np.savez_compressed(tmp_path / "a.npz", **arrays, notes=["not read"])
        dataset = load(settings(tmp_path / "a.npz"))
        assert (len(dataset.y_train), len(dataset.validation), len(dataset.y_test)) == (72, 12, 15)
        assert np.array_equal(dataset.x_test, some_images(15, seed=2).transpose(0, 3, 1, 2))
        assert np.array_equal(dataset.y_train, [*LABELS, *LABELS[:12]])

    def test_pairs_as_keras_returns_them(self, tmp_path):
        (tmp_path / "own.py").write_text(
            "import numpy as np\n"
            "from tests.support.image_files import some_images as images\n"
            "def two(): return (images(60), np.arange(60) % 3), (images(9, seed=1), np.arange(9) % 3)\n"
            "def three(): return two()[0], (images(6, seed=2), np.arange(6) % 3), two()[1]\n"
        )
        two, three = (load(settings(f"{tmp_path / 'own.py'}:{name}")) for name in ("two", "three"))
        assert (len(two.y_train), two.validation, len(two.y_test)) == (60, None, 9)
        assert (len(three.y_train), len(three.validation), len(three.y_test)) == (66, 6, 9)

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            ({"train_labels": LABELS}, "which arrays are the train part: x_train, y_train, train_labels"),
            ({"y_train": np.eye(3, dtype=np.uint8)[LABELS]}, r"one-hot labels become that by argmax\(1\)"),
            ({"val_images": some_images(3)}, "val_labels missing; .* there are x_train, y_train, val_images"),
        ],
    )
    def test_what_is_not_understood_is_said(self, tmp_path, change, sentence):
        np.savez(tmp_path / "a.npz", **{"x_train": some_images(), "y_train": LABELS, **change})
        with pytest.raises(UserError, match=sentence):
            load(settings(tmp_path / "a.npz"))

    def test_arrays_of_strange_names_are_listed(self, tmp_path):
        np.savez(tmp_path / "a.npz", data=some_images(), target=LABELS)
        with pytest.raises(UserError, match=r"no x_train \(or train_images\) in it; its arrays: data, target"):
            load(settings(tmp_path / "a.npz"))


def test_parquet_without_rows(tmp_path):
    columns = {"image": pa.array([], pa.binary()), "label": pa.array([], pa.int64())}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    with pytest.raises(UserError, match="there are no images"):
        load(settings(tmp_path))


def test_groups_of_long_names_take_no_more_room_than_their_texts(tmp_path):
    """An array of texts would have as many bytes for each as the longest needs: 60 × 400 kB here."""
    track = ["x" * 10**5, *(str(i // 2) for i in range(59))]
    write_parquet(tmp_path / "a.parquet", some_images(), LABELS, track=track)
    tracemalloc.start()
    dataset = load(settings(tmp_path, group="track"))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 10**7 and len(np.unique(dataset.groups)) >= 20
