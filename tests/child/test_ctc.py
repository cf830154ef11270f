"""CTC: the loss against a sum over all alignments and against known ones, decoding and distances by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from policysearch.child.text_lines.alphabet import Alphabet
from policysearch.child.text_lines.ctc import ctc_losses, greedy_readings, steps_of
from policysearch.child.text_lines.reader import fits_in
from policysearch.child.text_lines.reading_scores import edit_distance, reading_scores
from policysearch.core.errors import UserError
from policysearch.datasets.text_lines.fit import pixels_per_step, steps_needed


def _written(path: tuple[int, ...]) -> list[int]:
    """What a path of classes writes, in the words of Graves et al. 2006: first repeats are joined, then blanks go."""
    return [key for key, _ in itertools.groupby(path) if key]


def _sum_over_alignments(logits: torch.Tensor, target: list[int]) -> float:
    p = logits.double().softmax(1)
    steps, classes = logits.shape
    paths = (path for path in itertools.product(range(classes), repeat=steps) if _written(path) == target)
    total = sum(math.prod(float(p[t, k]) for t, k in enumerate(path)) for path in paths)
    return -math.log(total) if total else math.inf


@pytest.mark.parametrize("target", [[1], [2, 1], [1, 1], [1, 2, 1], [2, 2, 1], []], ids=str)
@pytest.mark.parametrize("steps", [3, 5])
def test_the_loss_is_the_sum_over_all_alignments(target: list[int], steps: int) -> None:
    logits = torch.randn(1, 7, 3, generator=torch.Generator().manual_seed(steps))
    [loss] = ctc_losses(logits, [target], torch.tensor([steps])).tolist()
    assert loss == pytest.approx(_sum_over_alignments(logits[0, :steps], target), rel=1e-5)


def test_a_known_alignment_that_is_certain_costs_nothing() -> None:
    path = torch.tensor([[1, 1, 0, 1, 2]])
    logits = 50.0 * torch.nn.functional.one_hot(path, 3)
    assert ctc_losses(logits, [[1, 1, 2]], torch.tensor([5])).item() == pytest.approx(0, abs=1e-5)
    assert ctc_losses(logits, [[1, 2]], torch.tensor([5])).item() > 40


def test_losses_of_a_batch_are_those_of_its_lines_and_see_no_step_behind_the_line() -> None:
    logits = torch.randn(3, 6, 4, generator=torch.Generator().manual_seed(0))
    targets, lengths = [[1, 2], [3], [2, 2]], torch.tensor([6, 2, 4])
    together = ctc_losses(logits, targets, lengths)
    for i in range(3):
        alone = ctc_losses(logits[i : i + 1, : int(lengths[i])], targets[i : i + 1], lengths[i : i + 1])
        assert torch.allclose(together[i : i + 1], alone)


def test_a_string_that_does_not_fit_is_infinite_or_spared() -> None:
    logits = torch.randn(1, 4, 3, requires_grad=True)
    for target, fits in (([1, 2, 1, 2], True), ([1, 1, 2, 1], False)):
        text = "".join("?ab"[k] for k in target)
        assert (steps_needed(text) <= 4) is fits
        assert bool(ctc_losses(logits, [target], torch.tensor([4])).isfinite()) is fits
    spared = ctc_losses(logits, [[1, 1, 2, 1]], torch.tensor([4]), spare=True)
    spared.sum().backward()
    assert spared.item() == 0 and not logits.grad.any()


def test_decoding_by_hand() -> None:
    paths = torch.tensor([[0, 1, 1, 0, 1, 2], [2, 2, 2, 2, 2, 2], [0, 0, 0, 0, 0, 0], [1, 2, 1, 2, 0, 1]])
    logits = torch.nn.functional.one_hot(paths, 3).float()
    assert greedy_readings(logits, torch.tensor([6, 6, 6, 4])) == [[1, 1, 2], [2], [], [1, 2, 1, 2]]
    assert greedy_readings(logits[:1], torch.tensor([2])) == [[1]]


def _table_distance(one: str, other: str) -> int:
    """Wagner & Fischer 1974."""
    table = np.zeros((len(one) + 1, len(other) + 1), int)
    table[:, 0], table[0] = np.arange(len(one) + 1), np.arange(len(other) + 1)
    for i, j in itertools.product(range(1, len(one) + 1), range(1, len(other) + 1)):
        changed = table[i - 1, j - 1] + (one[i - 1] != other[j - 1])
        table[i, j] = min(table[i - 1, j] + 1, table[i, j - 1] + 1, changed)
    return int(table[-1, -1])


def test_edit_distance_is_that_of_the_table() -> None:
    rng = np.random.default_rng(0)
    pairs = [["".join(rng.choice(list("abé"), rng.integers(0, 9))) for _ in range(2)] for _ in range(150)]
    pairs += [("", ""), ("a" * 70, "b" * 3 + "a" * 70), ("abc" * 30, "cab" * 30)]
    for one, other in pairs:
        assert edit_distance(one, other) == _table_distance(one, other) == edit_distance(other, one)


def test_scores_by_hand() -> None:
    """2 of 3 lines; 1 + 3 mistakes on 9 characters. More mistakes than characters count as none read."""
    assert reading_scores(["cat", "dog"], ["cat", "dig"])["character_accuracy"] == pytest.approx(5 / 6)
    scores = reading_scores(["cat", "", "dog"], ["cat", "hen", "dog"])
    assert (scores["accuracy"], scores["correct"], scores["character_accuracy"]) == (2 / 3, 2, pytest.approx(2 / 3))
    assert reading_scores(["aaaaaaa"], ["b"])["character_accuracy"] == 0


def test_steps_lie_on_the_line_and_not_behind_it() -> None:
    widths = torch.tensor([1, 2, 3, 30, 31, 96])
    assert steps_of(widths, 96, 48).tolist() == [1, 1, 2, 15, 16, 48]
    assert steps_of(widths, 96, 24).tolist() == [1, 1, 1, 8, 8, 24]
    fits = fits_in(pixels_per_step(16))
    for width in range(1, 20):
        assert fits("aab", width) is (steps_of(torch.tensor([width]), 96, 48).item() >= steps_needed("aab"))


def test_the_alphabet_of_texts() -> None:
    alphabet = Alphabet.of(["äb", "ab c"])
    assert (alphabet.characters, alphabet.classes) == (" abcä", 6)
    assert alphabet.decode(alphabet.encode("cäb a")) == "cäb a"
    with pytest.raises(UserError, match=r"'bad' has 'd', which no training line has"):
        alphabet.encode("bad")
