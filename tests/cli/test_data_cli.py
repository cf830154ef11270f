"""The command `data` on folders as people have them."""

from __future__ import annotations

import logging
from functools import partial

import pytest
from PIL import Image

from tests.support.command_line import call
from tests.support.image_files import some_images, write_folder, write_parquet

ODD = ("[bold]", "[x] y", "a[b]")


@pytest.fixture
def cli(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    return partial(call, monkeypatch, capsys)


def test_class_names_in_brackets_are_shown(cli, tmp_path):
    write_folder(tmp_path / "[red]", some_images(30), names=ODD)
    code, out, _ = cli("data", "[red]", "--out", "sheet.png")
    assert code == 0 and all(f"│ {name} " in out for name in ODD) and out.startswith("[red]: 30 images")
    with Image.open("sheet.png") as sheet:
        assert sheet.width > 100


def test_what_was_left_out_is_said(cli, tmp_path):
    write_folder(tmp_path / "pets", some_images(30))
    (tmp_path / "pets" / "cat" / "notes.txt").write_text("no image")
    code, out, _ = cli("data", "pets")
    assert code == 0
    words = " ".join(out.split())
    assert "warning: left out of class folders, since not of kinds that are read: 1 file (1 .txt)" in words


def test_parts_without_train_are_one_sentence(cli, tmp_path):
    for part in ("valid", "test"):
        write_folder(tmp_path / "pets" / part, some_images(12))
    code, out, err = cli("data", "pets")
    assert (code, out) == (2, "") and err.count("\n") == 1
    assert "pets has test/ and valid/ but no train/: these are names of parts, not of classes" in err


def test_a_message_stays_in_one_line_and_sets_no_colours(cli):
    code, _, err = cli("show", "no\n\x1b[31mrun")
    assert code == 2 and err.count("\n") == 1 and "\x1b" not in err


def test_columns_by_their_flags(cli, tmp_path):
    labels = [i % 3 for i in range(30)]
    write_parquet(tmp_path / "a.parquet", some_images(30), labels, "pix", "kind", other=[b"x"] * 30)
    code, _, err = cli("data", "a.parquet")
    assert code == 2 and "say which by --image-column NAME" in err
    code, out, _ = cli("data", "a.parquet", "--image-column", "pix", "--label-column", "kind")
    assert code == 0 and out.startswith("a: 30 images, 12×12 RGB, 3 classes")


def test_what_pillow_logs_is_not_printed_beside_the_sentence(cli, tmp_path, monkeypatch):
    monkeypatch.setattr(logging.root, "handlers", [])  # as in a process of its own
    write_folder(tmp_path / "pets", some_images(30))
    path = tmp_path / "pets" / "cat" / "a.tif"
    Image.fromarray(some_images(1)[0]).save(path)
    data = bytearray(path.read_bytes())
    samples = data.index(bytes([0x15, 1, 3, 0, 1, 0, 0, 0, 3, 0]))  # the tag SamplesPerPixel, 3
    data[samples + 8 : samples + 10] = b"\x03\x40"
    path.write_bytes(data)
    code, _, err = cli("data", "pets")
    assert code == 2 and err.count("\n") == 1 and "1 of 31 images cannot be read: cat/a.tif" in err
