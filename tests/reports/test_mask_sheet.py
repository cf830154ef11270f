"""Pictures and tables of images with masks."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from policysearch.core.errors import UserError
from policysearch.datasets.split import split
from policysearch.policy.presets import preset
from policysearch.reports.preview.data_sheet import contact_sheet
from policysearch.reports.preview.figure import drawn_pictures, preview
from policysearch.reports.preview.mask_sheet import mask_table
from policysearch.reports.preview.masks import Masking, overlaid, training_masks
from tests.support.command_line import call
from tests.support.mask_children import small_masks, write_masks


def test_pixels_without_a_class_are_white_and_the_first_class_is_clear():
    image = np.full((3, 1, 4), 100, np.uint8)
    colours = overlaid(image, np.array([[0, 1, 8, 255]], np.uint8))[0]
    assert colours[0].tolist() == [100] * 3 and colours[3].tolist() == [255] * 3
    assert colours[1].tolist() == colours[2].tolist(), "there are seven colours, which come again"
    assert np.abs(colours[1].astype(int) - 100).max() > 40


def test_a_preview_draws_masks_with_their_images_and_names_the_shares():
    dataset = small_masks()
    content = training_masks(dataset)
    shared = {"rows": 3, "draws": 2, "content": content}
    rows = drawn_pictures(preset("flip-crop"), dataset.x_train, dataset.y_train, ("mask",), **shared)
    assert all(len(row) == 3 and row[0].image.shape == (12, 12, 3) for row in rows)
    assert all("paper" in picture.lines[0] and "%" in picture.lines[0] for row in rows for picture in row)
    assert any("no class" in picture.lines[0] for row in rows for picture in row[1:])
    assert preview(preset("identity"), dataset.x_train, dataset.y_train, ("mask",), **shared) is not None
    with pytest.raises(UserError, match="softens the target of an image"):
        drawn_pictures(preset("soft-crop"), dataset.x_train, dataset.y_train, ("mask",), **shared)


def test_the_legend_says_which_colour_means_what():
    legend = Masking(np.zeros((1, 2, 2), np.uint8), ("sky", "tree", "car")).legend
    assert legend == "tree orange, car sky blue, sky clear, no class white"
    assert "2 more in turn" in Masking(np.zeros((1, 2, 2), np.uint8), tuple("abcdefghij")).legend


def test_the_table_has_the_share_of_pixels_of_each_class():
    dataset, console = small_masks(), Console(file=io.StringIO(), width=100)
    parts = split(dataset, None, 0)
    console.print(mask_table(dataset, parts))
    text = console.file.getvalue()
    share = 100 * (dataset.masks_test == 1).mean()
    assert f"{share:.2f}" in text and "paper" in text and "no class" in text
    assert contact_sheet(dataset, parts) is not None


def test_commands_show_masks(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POLICYSEARCH_CACHE", str(tmp_path / "cache"))
    write_masks(tmp_path / "blots", {"train": 9, "test": 3})
    code, out, _ = call(monkeypatch, capsys, "data", "blots", "--task", "segmentation", "--out", "sheet.png")
    assert code == 0 and "masks of 3 classes" in " ".join(out.split()) and (tmp_path / "sheet.png").exists()
    of_blots = ("--task", "segmentation", "--data", "blots", "--images", "2", "--draws", "1")
    code, out, _ = call(monkeypatch, capsys, "preview", "trivialaugment-wide", *of_blots)
    assert code == 0 and "2 training images of blots" in out and (tmp_path / "preview.png").exists()
    code, _, err = call(monkeypatch, capsys, "preview", "augmix", "--task", "segmentation", "--data", "blots")
    assert code == 2 and "no one place for a mask" in " ".join(err.split())
