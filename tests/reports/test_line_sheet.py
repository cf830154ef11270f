"""What `policysearch data` says of lines of text."""

from __future__ import annotations

from policysearch.reports.preview.data_sheet import describe
from tests.support.line_children import small_lines


def test_lines_are_described_by_their_characters(tmp_path, capsys):
    """120 strings of 1 to 4 letters; 60 train, 30 validate and 30 test."""
    dataset = small_lines()
    describe(dataset, None, 0, tmp_path / "sheet.png")
    shown = " ".join(capsys.readouterr().out.split())
    assert "letters: 120 images, 8×32 grey, texts of 3 characters" in shown and "classes" not in shown
    assert "characters: 'a', 'b', 'c'" in shown
    test = dataset.texts_test
    assert f"test │ {len(test)} │ {sum(map(len, test))} │ 3 │ 4 │ 24" in shown
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")
