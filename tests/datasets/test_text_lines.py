"""Data sets of text lines: folders with a table, Parquet, sizes, and what is wrong with them."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from policysearch.core.errors import UserError
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.load import load, opened
from policysearch.datasets.split import split
from policysearch.study.config import SearchConfig
from tests.support.line_files import line_image, write_folder, write_parquet

TEXTS = ("cab", "bead", "face", "decade", "fade", "deaf")
ACCENT = (*TEXTS[:5], "café")


def _load(path: Path | str, **settings: object) -> Dataset:
    return load(SearchConfig(task="text-lines", data=str(path), **settings), needs="texts")


def _refused(path: Path, **settings: object) -> str:
    with pytest.raises(UserError) as error:
        _load(path, **settings)
    return str(error.value)


def test_a_folder_with_one_table_and_a_column_of_parts(tmp_path: Path) -> None:
    parts = ("train", "train", "train", "val", "test", "train")
    write_folder(tmp_path, TEXTS, parts=parts)
    dataset = _load(tmp_path)
    assert dataset.texts_train == ("cab", "bead", "face", "deaf", "decade")
    assert dataset.texts_test == ("fade",)
    assert dataset.validation.tolist() == [4]
    assert dataset.classes == ("line",) and not dataset.y_train.any()
    assert opened(dataset.handle).texts_train == dataset.texts_train


def test_tables_in_the_folders_of_parts_read_alike(tmp_path: Path) -> None:
    write_folder(tmp_path / "train", TEXTS[:4])
    write_folder(tmp_path / "Valid", TEXTS[:1])
    write_folder(tmp_path / "test", TEXTS[1:2])
    dataset = _load(tmp_path)
    assert dataset.texts_train == ("cab", "bead", "face", "decade", "cab")
    assert dataset.texts_test == ("bead",)


def test_a_part_before_the_names_of_files(tmp_path: Path) -> None:
    files = [f"{part}/{i}.png" for i, part in enumerate(("train", "train", "test", "train", "train", "train"))]
    write_folder(tmp_path, ("cab", "bead", "face", "fade", "ace", "bad"), files=files)
    assert _load(tmp_path).texts_test == ("face",)


def test_parquet_with_texts_and_labels_is_read_by_task(tmp_path: Path) -> None:
    write_parquet(tmp_path / "train.parquet", 2 * TEXTS, label=[0, 1] * 6)
    file = tmp_path / "train.parquet"
    lines, classes = _load(file), load(SearchConfig(data=str(file), resize="16", aspect="stretch"))
    assert sorted((*lines.texts_train, *lines.texts_test)) == sorted(2 * TEXTS)
    assert len(classes.classes) == 2 and not classes.texts_train


def test_lines_keep_their_height_and_are_padded_on_the_right(tmp_path: Path) -> None:
    """200×50 pixels at 32 pixels of height are 128 wide, 100×50 are 64; a longer line is squeezed."""
    sizes = [(50, 100), (50, 200), (50, 400), (50, 100), (50, 100), (50, 100)]
    write_folder(tmp_path, TEXTS, sizes=sizes, parts=["train"] * 5 + ["test"])
    dataset = _load(tmp_path)
    assert dataset.x_train.shape[2:] == (32, 128)
    assert dataset.widths_train == (64, 128, 128, 64, 64)
    padding = dataset.x_train[0, :, :, 63:]
    assert (padding == padding[:, :, :1]).all()

    smaller = _load(tmp_path, resize="16x48")
    assert smaller.x_train.shape[2:] == (16, 48) and smaller.widths_train[:2] == (32, 48)
    stretched = _load(tmp_path, aspect="stretch")
    assert set(stretched.widths_train) == {128}


def test_the_cache_and_the_digest_know_texts_and_widths(tmp_path: Path) -> None:
    write_folder(tmp_path, TEXTS)
    first = _load(tmp_path)
    assert _load(tmp_path).digest == first.digest
    write_folder(tmp_path, ("cab", "bead", "face", "decade", "fade", "cafe"))
    assert _load(tmp_path).digest != first.digest


def test_portable_takes_texts_and_widths_along(tmp_path: Path) -> None:
    write_folder(tmp_path, TEXTS)
    dataset = _load(tmp_path)
    without, along = dataset.portable(), dataset.portable(test=True)
    assert (without.texts_test, without.widths_test) == ((), ())
    assert (along.texts_test, along.widths_test) == (dataset.texts_test, dataset.widths_test)


def test_strings_are_composed_and_stripped(tmp_path: Path) -> None:
    write_folder(tmp_path, ("cafe\u0301 ", *TEXTS[:5]), parts=["train"] * 5 + ["test"])
    assert _load(tmp_path).texts_train[0] == "café"


def test_the_shipped_lines_share_no_font_between_parts() -> None:
    dataset = _load("text-lines-small")
    assert dataset.x_train.shape == (3000, 1, 16, 96) and len(dataset.texts_test) == 1000
    assert split(dataset, None, 0).validation.tolist() == list(range(2000, 3000))
    assert max(dataset.widths_train) <= 96
    with np.load(Path(__file__).parents[2] / "policysearch/datasets/shipped/text-lines-small.npz") as arrays:
        fonts = [set(arrays[f"fonts_{part}"].tolist()) for part in ("train", "validation", "test")]
    assert all(fonts) and not (fonts[0] & fonts[1] or fonts[0] & fonts[2] or fonts[1] & fonts[2])
    assert set("".join(dataset.texts_test)) <= set("".join(dataset.texts_train[:2000]))


def test_rare_characters_of_a_test_part_that_was_set_aside_are_noted(tmp_path: Path) -> None:
    letters = "abcdefghij"
    write_folder(tmp_path, [letter * 1 for letter in letters])
    [note] = [text for text in _load(tmp_path).warnings if "cannot be read" in text]
    assert note.startswith("2 test lines have characters that no training line has")


def test_copies_that_say_something_else_are_noted(tmp_path: Path) -> None:
    write_folder(tmp_path, TEXTS, parts=["train"] * 5 + ["test"])
    line_image(1).save(tmp_path / "0.png")
    line_image(1).save(tmp_path / "1.png")
    assert any("0.png as 'cab'" in text and "1.png as 'bead'" in text for text in _load(tmp_path).warnings)


def _table(folder: Path, rows: Sequence[Sequence[str]]) -> Path:
    """A folder with a table of these rows, and the images 0.png to 5.png."""
    write_folder(folder, TEXTS)
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return folder


_GOOD = [[f"{i}.png", text] for i, text in enumerate(TEXTS[:5])]

BAD_TABLES: Mapping[str, tuple[list[list[str]], str]] = {
    "missing file": ([*_GOOD, ["nine.png", "fab"]], "names 1 file that is not there: nine.png"),
    "empty string": ([*_GOOD, ["5.png", "  "]], "5.png has an empty text"),
    "line break": ([*_GOOD, ["5.png", "a\nb"]], r"says 'a\nb'"),
    "two texts": ([*_GOOD, ["0.png", "fab"]], "names 0.png twice, with 'cab' and with 'fab'"),
    "comma without quotes": ([*_GOOD, ["5.png", "a", "b"]], "has 3 cells in line 7 and 2 in its header"),
    "outside": ([*_GOOD, ["../5.png", "fab"]], "files must be below the folder of the table"),
    "no rows": ([], "has a header and no rows"),
}


@pytest.mark.parametrize("case", BAD_TABLES)
def test_a_table_that_is_wrong_is_refused_in_a_sentence(tmp_path: Path, case: str) -> None:
    rows, sentence = BAD_TABLES[case]
    assert sentence in _refused(_table(tmp_path, [["file", "text"], *rows]))


def test_a_row_that_is_repeated_counts_once_and_is_noted(tmp_path: Path) -> None:
    dataset = _load(_table(tmp_path, [["file", "text"], *_GOOD, _GOOD[0]]))
    assert len(dataset.texts_train) + len(dataset.texts_test) == 5
    assert any("names 1 file twice, with the same text: 0.png" in text for text in dataset.warnings)
    assert any("left out, since in no labels.csv: 1 image (5.png)" in text for text in dataset.warnings)


def test_headers_that_are_none_are_refused(tmp_path: Path) -> None:
    assert "must begin with the header file,text" in _refused(_table(tmp_path / "a", _GOOD))
    labels = [["file", "label"], ["0.png", "3"]]
    assert "has labels of classes and no texts" in _refused(_table(tmp_path / "b", labels))
    parts = [["file", "text", "part"], ["0.png", "cab", "holdout"]]
    assert "the part 'holdout': parts are train, validation and test" in _refused(_table(tmp_path / "c", parts))


@pytest.mark.parametrize("part", ["val", "test"])
def test_a_character_unseen_in_train_is_refused(tmp_path: Path, part: str) -> None:
    write_folder(tmp_path, ACCENT, parts=["train"] * 4 + ["test", part])
    message = _refused(tmp_path)
    assert "has a character that no training line has ('é'; 5.png 'café')" in message


def test_an_image_too_small_for_its_string_is_refused(tmp_path: Path) -> None:
    """8 steps of 4 pixels are too few for "bookkeeper" (10 characters and 3 blanks), and enough for "bodykeep" (9)."""
    sizes = [(32, 32)] * 6
    write_folder(tmp_path, ("bookkeeper", *TEXTS[1:]), sizes=sizes)
    message = _refused(tmp_path)
    assert (
        "1 image is too small for its text, such as 0.png: 'bookkeeper' needs 13 steps of 4 pixels" in message
        and "32 pixels wide" in message
    )
    write_folder(tmp_path, ("bodykep", *TEXTS[1:]), sizes=sizes, parts=["train"] * 5 + ["test"])
    assert _load(tmp_path, resize="32x64")


def test_labels_where_texts_must_be_and_the_reverse(tmp_path: Path) -> None:
    for name in ("cats", "dogs"):
        (tmp_path / "classes" / name).mkdir(parents=True)
        line_image(3).save(tmp_path / "classes" / name / "a.png")
    assert "its sub-folders look like classes" in _refused(tmp_path / "classes")
    write_parquet(tmp_path / "labels.parquet", [0, 1, 0, 1], column="label")
    assert "has labels of classes (label) and no texts" in _refused(tmp_path / "labels.parquet")
    write_parquet(tmp_path / "numbers.parquet", [0, 1, 0, 1], column="text")
    assert "has int64 in its column 'text'" in _refused(tmp_path / "numbers.parquet")
    for data in ("fashion-small", "MNIST"):
        assert "no texts" in _refused(Path(data))

    write_folder(tmp_path / "lines", TEXTS)
    write_parquet(tmp_path / "lines.parquet", TEXTS)
    for data in (tmp_path / "lines", tmp_path / "lines.parquet", "text-lines-small"):
        with pytest.raises(UserError, match="give --task text-lines"):
            load(SearchConfig(data=str(data)))


def test_an_empty_text_in_parquet_is_refused_by_name(tmp_path: Path) -> None:
    write_parquet(tmp_path / "lines.parquet", ["cab", None, "fade"])
    assert "train[1] has no text" in _refused(tmp_path / "lines.parquet")


def test_a_damaged_image_is_left_out_with_its_text(tmp_path: Path) -> None:
    write_folder(tmp_path, TEXTS, parts=["train"] * 5 + ["test"])
    (tmp_path / "1.png").write_bytes(b"no image")
    assert "1 of 6 images cannot be read" in _refused(tmp_path)
    assert _load(tmp_path, skip_damaged=True).texts_train == ("cab", "face", "decade", "fade")


def test_a_grey_line_stays_grey(tmp_path: Path) -> None:
    write_folder(tmp_path, TEXTS)
    Image.new("RGB", (100, 50), (255, 0, 0)).save(tmp_path / "0.png")
    assert _load(tmp_path).x_train.shape[1] == 3
