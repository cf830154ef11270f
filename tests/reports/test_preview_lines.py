"""Pictures of what a policy makes of lines of text, and what they say."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from policysearch.core.errors import UserError
from policysearch.policy.mixes import Mix
from policysearch.policy.presets import preset
from policysearch.policy.softening import Softening
from policysearch.reports.preview.figure import drawn_pictures, preview
from policysearch.reports.preview.lines import Writing
from policysearch.reports.preview.sheet import Picture
from tests.support.command_line import call
from tests.support.letters import batch_of, read
from tests.support.pictures import policy_of

TEXTS = ["ab", "c", "hgf", "de", "a", "bb"]


def lines() -> tuple[np.ndarray, np.ndarray, Writing]:
    images, widths = batch_of(TEXTS, 60)
    return images.numpy(), np.zeros(len(TEXTS), np.int64), Writing(TEXTS, widths.tolist())


def grid(policy, seed: int = 0) -> list[list[Picture]]:
    images, labels, writing = lines()
    return drawn_pictures(policy, images, labels, ("line",), rows=4, draws=5, seed=seed, content=writing)


def said(picture: Picture) -> str:
    return read(torch.from_numpy(picture.image)[None])


def test_the_words_in_bold_are_what_the_picture_says():
    pictures = grid(policy_of(mix=Mix(operation="line-join", probability=0.5)))
    for row in pictures:
        before = row[0].lines[0]
        assert said(row[0]) == before and before in TEXTS
        for picture in row[1:]:
            assert said(picture) == picture.lines[0]
            joined = picture.lines[0] != before
            assert (picture.lines[-1] == f"line-join with {picture.lines[0][len(before) :]}") == joined
    assert len({picture.lines[0] for row in pictures for picture in row}) > len(TEXTS)


def test_what_was_drawn_stands_below():
    bends = {line.split()[0] for row in grid(preset("tia")) for picture in row[1:] for line in picture.lines[1:]}
    assert bends == {"line-distort", "line-stretch", "line-perspective"}


def test_a_figure_has_every_line():
    images, labels, writing = lines()
    figure = preview(preset("tia"), images, labels, ("line",), rows=2, draws=2, content=writing)
    assert sum(text.get_text() in TEXTS for text in figure.axes[0].texts) == 6


def test_a_policy_for_classes_is_refused():
    with pytest.raises(UserError, match="softens targets"):
        grid(policy_of(softening=Softening(k=2)))


def test_the_command_shows_the_shipped_lines(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    code, out, _ = call(monkeypatch, capsys, "preview", "tia", "--task", "text-lines", "--images", "1", "--draws", "1")
    assert code == 0 and "1 training images of text-lines-small" in out and (tmp_path / "preview.png").exists()
    code, _, err = call(monkeypatch, capsys, "preview", "tia", "--task", "textlines")
    assert code and "did you mean text-lines" in err
