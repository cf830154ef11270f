"""Operations along lines of text, and mixes of lines whose strings must say what their pixels say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates
from scipy.stats import chisquare

from policysearch.augmentation import augment, augment_lines, draw, line_mixing
from policysearch.augmentation.kernels.fiducials import WARPS, bend, fiducial_points, sources
from policysearch.augmentation.kernels.glyphs import characters, ink_columns
from policysearch.augmentation.kernels.registry import ALONG_LINES, KERNELS
from policysearch.augmentation.lines import must_suit_lines
from policysearch.core.errors import UserError
from policysearch.policy.classes import with_classes
from policysearch.policy.mixes import LINE_MIXES, Mix
from policysearch.policy.policy import Policy, Stage
from policysearch.policy.presets import preset
from policysearch.policy.softening import Softening
from policysearch.policy.steps import Step, SubPolicy
from tests.support.backends import BACKENDS, kernels
from tests.support.letters import ALPHABET, HEIGHT, INK, PAPER, batch_of, letter, read, written
from tests.support.pictures import pictures, policy_of, some_step

H, W = 13, 31
"""Fiducial points lie at columns 0, 10, 20 and 30."""


def places(moves: dict[tuple[int, int], tuple[float, float]], height: int = H, width: int = W) -> torch.Tensor:
    """[2, H, W]: where pixels are read from when the points at (edge, number) move by (down, right) pixels."""
    image = torch.zeros(1, 1, height, width)
    moved = torch.zeros(1, 8, 2)
    for (edge, number), move in moves.items():
        moved[0, 4 * edge + number] = torch.tensor(move)
    return sources(image, fiducial_points(image, None), moved, None)[0]


# Where fiducial points lead.


def test_where_all_points_move_alike_so_does_every_pixel():
    y, x = places({(edge, number): (0, 2) for edge in (0, 1) for number in range(4)})
    expected = (torch.arange(W) - 2).clamp(min=0).float()
    assert torch.allclose(x, expected.expand(H, W), atol=1e-4)
    assert torch.allclose(y, torch.arange(H)[:, None].float().expand(H, W), atol=1e-4)


def test_a_moved_point_shows_what_was_at_the_point():
    """The second point of the top edge, at column 10, moves by 3 down and 4 to the right; the others stay."""
    y, x = places({(0, 1): (3, 4)})
    assert (y[3, 14].item(), x[3, 14].item()) == pytest.approx((0, 10), abs=1e-3)
    for row, column in ((0, 0), (0, 20), (0, 30), (H - 1, 0), (H - 1, 10), (H - 1, 20), (H - 1, 30)):
        assert (y[row, column].item(), x[row, column].item()) == pytest.approx((row, column), abs=1e-3)


def test_a_stretch_moves_a_known_column_by_a_known_number_of_pixels():
    """Magnitude 0.3 of a segment of 10 columns, drawn to the right for the first inner point and not for the second."""
    image = torch.zeros(1, 1, H, W, dtype=torch.uint8)
    image[..., 10] = 200
    y, x = KERNELS["line-stretch"](image, torch.tensor([0.3]), torch.tensor([[1.0, 0.5]]))[0]
    for row in (0, H - 1):
        assert x[row, [0, 13, 20, 30]].tolist() == pytest.approx([0, 10, 20, 30], abs=1e-3)
    bent = bend(image, torch.stack([y, x])[None])[0, 0]
    assert bent[0].argmax() == 13 and bent[0, 13] == 200 and bent[H - 1].argmax() == 13


def test_a_perspective_moves_the_ends_up_and_down():
    """Magnitude 0.25 of 12 rows: the left end's edges 3 rows into the line, the right end's not at all."""
    numbers = torch.tensor([[1.0, 0.0, 1.0, 0.0]])
    y, _ = KERNELS["line-perspective"](torch.zeros(1, 1, H, W), torch.tensor([0.25]), numbers)[0]
    assert y[[3, H - 4], 0].tolist() == pytest.approx([0, H - 1], abs=1e-3)
    assert y[[0, H - 1], W - 1].tolist() == pytest.approx([0, H - 1], abs=1e-3)


def turned(pair: np.ndarray) -> np.ndarray:
    return np.stack([-pair[1], pair[0]])


def by_matrices(points: np.ndarray, moved: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Schaefer et al. 2006, section 2.2, pixel by pixel with matrices, (x, y) throughout."""
    w = 1 / ((moved - v) ** 2).sum(1)
    p_star, q_star = (w[:, None] * moved).sum(0) / w.sum(), (w[:, None] * points).sum(0) / w.sum()
    p, q = moved - p_star, points - q_star
    mu = (w * (p**2).sum(1)).sum()
    total = np.zeros((2, 2))
    for weight, one, other in zip(w, p, q, strict=True):
        total += weight * np.stack([one, -turned(one)]) @ np.stack([other, -turned(other)]).T
    return (v - p_star) @ total / mu + q_star


def test_places_are_those_of_moving_least_squares(generator):
    image = torch.zeros(1, 1, H, W)
    points = fiducial_points(image, None)
    moves = torch.rand(1, 8, 2, generator=generator) * 6 - 3
    y, x = sources(image, points, moves, None)[0].double().numpy()
    flipped = points[0].double().numpy()[:, ::-1]
    moved = flipped + moves[0].double().numpy()[:, ::-1]
    for row in range(H):
        for column in range(W):
            there = by_matrices(flipped, moved, np.array([column, row]) + 1e-9)
            assert x[row, column] == pytest.approx(np.clip(there[0], 0, W - 1), abs=2e-3)
            assert y[row, column] == pytest.approx(np.clip(there[1], 0, H - 1), abs=2e-3)


@pytest.mark.parametrize("name", sorted(WARPS))
def test_bent_pixels_are_those_of_scipy(name, generator):
    images = pictures(3, 16, 48)
    drawn = draw(policy_of(some_step(name)), 6, generator)
    there = KERNELS[name](images, drawn.magnitudes[:, 0], drawn.numbers[:, 0])
    ours = bend(images, there)
    for image, place, mine in zip(images, there.double().numpy(), ours, strict=True):
        for channel, bent in zip(image.double().numpy(), mine, strict=True):
            theirs = map_coordinates(channel, place, order=1, mode="nearest")
            assert np.abs(theirs - bent.numpy()).max() < 0.52, "more than rounding"


def test_ends_move_as_far_as_their_numbers_say(generator):
    """Row by row at the left end, whose top moves down by its number's share of 0.4 of 19 rows, its bottom not."""
    numbers = torch.rand(200, 4, generator=generator)
    numbers[:, 2] = 0
    y, _ = KERNELS["line-perspective"](torch.zeros(200, 1, 20, 40), torch.full((200,), 0.4), numbers).unbind(1)
    moved = numbers[:, 0] * 0.4 * 19
    at = moved.ceil().long()
    assert (y[torch.arange(200), at, 0] - (at - moved)).abs().max() < 1, "less than a row from the point"
    assert (y[:, 19, 0] == 19).all()


@pytest.mark.parametrize("name", sorted(ALONG_LINES))
def test_columns_beyond_the_line_stay_as_they_are(name, generator):
    images = pictures(3, 12, 40)
    widths = torch.tensor([40, 10, 25, 1, 33, 12])
    policy = policy_of(some_step(name, 1.0))
    out = augment_lines(policy, images, ["a"] * 6, widths, generator)
    assert torch.equal(out.widths, widths) and not torch.equal(out.images, images)
    for image, line, width in zip(images, out.images, widths.tolist(), strict=True):
        assert torch.equal(line[..., width:], image[..., width:])


@pytest.mark.parametrize("name", sorted(ALONG_LINES - {"hide-character"}))
def test_a_line_in_a_wider_image_is_changed_as_it_is_alone(name):
    images = pictures(1, 12, 24)
    padded = torch.nn.functional.pad(images, (0, 16), value=99)
    policy = policy_of(some_step(name))
    alone = augment_lines(policy, images, ["a"] * 6, None, torch.Generator().manual_seed(3)).images
    widths = torch.full((6,), 24)
    wider = augment_lines(policy, padded, ["a"] * 6, widths, torch.Generator().manual_seed(3)).images
    assert torch.equal(wider[..., :24], alone)


def test_compiled_loops_and_torch_agree_on_lines(generator):
    images, widths = pictures(1, 12, 40, batch=40), torch.randint(1, 41, (40,), generator=generator)
    policy = policy_of(*(some_step(name) for name in sorted(ALONG_LINES)), some_step("rotate"), some_step("contrast"))
    results = []
    for backend in BACKENDS:
        with kernels(backend):
            results.append(augment_lines(policy, images, ["a"] * 40, widths, torch.Generator().manual_seed(1)).images)
    assert torch.equal(*results)


# Masks.


def test_bands_hide_the_share_asked_for(generator):
    hidden = KERNELS["line-bands"](torch.zeros(500, 1, 10, 600), torch.full((500,), 0.3), torch.rand(500, 2))
    assert torch.equal(hidden, hidden[:, :1].expand(-1, 10, -1)), "from the top to the bottom"
    assert ((hidden.float().mean((1, 2)) - 0.3).abs() < 0.06).all()
    narrow = KERNELS["line-bands"](torch.zeros(1, 1, 10, 40), torch.tensor([0.5]), torch.tensor([[0.0, 0.0]]))
    assert narrow[0, 0].tolist() == ([True] * 5 + [False] * 5) * 4


def test_a_stroke_goes_through_the_line_from_end_to_end():
    numbers, widths = torch.tensor([[0.0], [0.5], [1 - 2**-24]]), torch.tensor([20.0, 8.0, 20.0])
    hidden = KERNELS["line-strokes"](torch.zeros(3, 1, 10, 20), torch.full((3,), 0.3), numbers, widths)
    tops = [rows.any(1).nonzero().flatten().tolist() for rows in hidden]
    assert tops == [[0, 1, 2], [4, 5, 6], [7, 8, 9]]
    assert hidden.any(1).sum(1).tolist() == [20, 8, 20]


# Characters.


def test_characters_are_connected_columns():
    images, widths = batch_of(["ab", "hg", "c"], 40)
    which = characters(ink_columns(images, widths), HEIGHT)
    assert which[0].tolist() == [0, 0, 1, 1, 1, 1, 0, 0, 0, 2, 2, 2, 2, *[0] * 27]
    assert which.amax(1).tolist() == [2, 2, 1]


def test_letters_that_touch_are_divided_evenly():
    """A run of 24 columns in a line 12 high: four parts half as wide as the line is high."""
    ink = torch.zeros(1, 40, dtype=torch.bool)
    ink[0, 5:29] = True
    ink[0, 33:36] = True
    which = characters(ink, 12)[0]
    assert which[5:29].tolist() == [1] * 6 + [2] * 6 + [3] * 6 + [4] * 6 and which[33:36].tolist() == [5] * 3


@pytest.mark.parametrize("inverted", [False, True])
def test_each_character_is_hidden_as_often_and_alone(inverted):
    """3,000 draws of one of three characters; false alarm 1e-6, and a planted fault, the first never hidden."""
    image, width = written("abc", 40)
    image = 255 - image if inverted else image
    paper = 255 - PAPER if inverted else PAPER
    images, generator = image.expand(3000, -1, -1, -1).contiguous(), torch.Generator().manual_seed(0)
    policy = policy_of(Step(operation="hide-character", magnitude=1.0))
    out = augment_lines(policy, images, ["abc"] * 3000, torch.full((3000,), width), generator)
    assert set(out.texts) == {"abc"}, "the string stays"
    starts, counts = (2, 9, 16), []
    for at in starts:
        gone = (out.images[..., at : at + 4] == paper).all(3).all(2)[:, 0]
        others = [start for start in starts if start != at]
        assert all(torch.equal(out.images[gone][..., o : o + 4], images[gone][..., o : o + 4]) for o in others)
        counts.append(int(gone.sum()))
    assert sum(counts) == 3000 and chisquare(counts).pvalue > 1e-6
    assert chisquare([0, counts[0] + counts[1], counts[2]]).pvalue < 1e-6


def test_hiding_fades_by_the_magnitude_and_leaves_blank_lines_alone(generator):
    images, widths = batch_of(["a"], 20)
    images = torch.cat([images, torch.full_like(images, 77)])
    policy = policy_of(Step(operation="hide-character", magnitude=0.25))
    out = augment_lines(policy, images, ["a", ""], widths.repeat(2), generator)
    assert torch.equal(out.images[1], images[1])
    assert int(out.images[0].min()) == round(INK + 0.25 * (PAPER - INK))


# Mixes: what the pixels say the strings say.


def mixed(name: str, texts: list[str], width: int, seed: int = 0, **options: object):
    images, widths = batch_of(texts, width)
    policy = policy_of(mix=Mix(operation=name))
    return augment_lines(policy, images, texts, widths, torch.Generator().manual_seed(seed), **options)


def words(count: int, longest: int = 4) -> list[str]:
    rng = np.random.default_rng(5)
    return ["".join(rng.choice(list(ALPHABET), rng.integers(1, longest + 1))) for _ in range(count)]


def must_say_what_they_show(lines) -> None:
    for image, text, width in zip(*lines, strict=True):
        assert read(image) == text
        assert (image[..., width:] == PAPER).all(), "ink beyond the line"


@pytest.mark.parametrize("name", sorted(LINE_MIXES))
def test_strings_say_what_their_pixels_show(name):
    texts = words(60)
    lines = mixed(name, texts, 90)
    must_say_what_they_show(lines)
    changed = sum(text != before for text, before in zip(lines.texts, texts, strict=True))
    assert changed > 40, "nearly all take part"


def test_swapped_strings_would_be_noticed(monkeypatch):
    def swapped(a, b, numbers):
        image, _, width = line_mixing._line_join(a, b, numbers)
        return image, b.text + a.text, width

    monkeypatch.setattr(line_mixing, "LINE_MIXERS", {"line-join": swapped})
    with pytest.raises(AssertionError):
        must_say_what_they_show(mixed("line-join", words(60), 90))


def test_a_join_is_both_lines_with_a_small_gap():
    lines = mixed("line-join", ["ab", "c"], 40, seed=0)
    assert lines.texts == ("abc", "cab") and lines.widths.tolist() == [20, 20]
    images, _ = batch_of(["ab", "c"], 40)
    assert torch.equal(lines.images[0, ..., :13], images[0, ..., :13])
    assert torch.equal(lines.images[0, ..., 13:20], images[1, ..., 1:8]), "a gap of an eighth of the height, one column"


def test_a_join_is_squeezed_to_the_width():
    """Eight letters in 40 columns: 27 of the first line, and the second from the column before its ink to its end."""
    texts = ["abcd", "efgh"]
    lines = mixed("line-join", texts, 40)
    assert lines.texts == ("abcdefgh", "efghabcd") and lines.widths.tolist() == [40, 40]
    images, _ = batch_of(texts, 40)
    both = torch.cat([images[0, ..., :27], images[1, ..., 1:29]], 2)[None].float()
    squeezed = torch.nn.functional.interpolate(both, (HEIGHT, 40), mode="bilinear", antialias=True)[0].round()
    assert torch.equal(lines.images[0].float(), squeezed)


def test_lines_that_a_network_could_not_read_stay_as_they_are():
    texts = words(40)
    lines = mixed("line-join", texts, 90, fits=lambda text, width: len(text) <= 5)
    must_say_what_they_show(lines)
    assert max(map(len, lines.texts)) == 5
    assert any(text != before for text, before in zip(lines.texts, texts, strict=True))


def test_a_glyph_is_pasted_only_where_letters_stand_apart():
    images, widths = batch_of(["ab", "cd"], 40)
    images[0, :, 5, 6:9] = INK  # now a and b touch
    policy = policy_of(mix=Mix(operation="glyph-paste"))
    for seed in range(5):
        lines = augment_lines(policy, images, ["ab", "cd"], widths, torch.Generator().manual_seed(seed))
        assert lines.texts[0] == "ab" and torch.equal(lines.images[0], images[0])


def test_a_glyph_takes_the_paper_it_is_pasted_on():
    """Paper 15 darker: the letter is made 15 lighter; dark paper with light letters is too far away, and stays."""
    images, widths = batch_of(["a", "b"], 20)
    images = torch.cat([images, images])
    images[1] -= 15
    images[3] = 255 - images[3]
    drawn = draw(policy_of(mix=Mix(operation="glyph-paste")), 4, torch.Generator().manual_seed(0)).mix
    drawn = replace(drawn, partners=torch.tensor([1, 0, 3, 2])[:, None].expand(4, 3))
    out, texts, _ = line_mixing.mix_lines(drawn, images, ["a", "b"] * 2, widths.repeat(2).tolist())
    assert texts == ("b", "a", "b", "a")
    assert torch.equal(out[0, 0, :, 2:6], letter("b")) and torch.equal(out[1, 0, :, 2:6] + 15, letter("a"))
    assert torch.equal(out[2, 0, :, 2:6], 255 - letter("b"))


def test_white_space_is_no_letter_to_paste():
    image, width = written("ab", 40)
    lines = augment_lines(
        policy_of(mix=Mix(operation="glyph-paste")),
        torch.stack([image] * 8),
        ["a b"] * 8,
        torch.full((8,), width),
        torch.Generator().manual_seed(0),
    )
    assert {text[1] for text in lines.texts} == {" "} and {"b b", "a a"} & set(lines.texts)


@pytest.mark.parametrize("name", sorted(LINE_MIXES))
def test_laws_of_line_mixes(name):
    texts = words(12)
    images, widths = batch_of(texts, 90)
    before, lines = images.clone(), mixed(name, texts, 90)
    again = mixed(name, texts, 90)
    assert torch.equal(lines.images, again.images) and lines.texts == again.texts
    generator = torch.Generator().manual_seed(0)
    none = augment_lines(policy_of(mix=Mix(operation=name, probability=0.0)), images, texts, widths, generator)
    assert torch.equal(none.images, images) and none.texts == tuple(texts) and torch.equal(none.widths, widths)
    assert torch.equal(images, before), "the input changed"
    blank = augment_lines(policy_of(mix=Mix(operation=name)), torch.zeros_like(images), texts, widths, generator)
    assert blank.texts == tuple(texts)
    empty = augment_lines(policy_of(mix=Mix(operation=name)), images[:0], [], None, generator)
    assert empty.texts == () and empty.images.shape == (0, *images.shape[1:])


def test_the_values_and_the_mixers_agree():
    assert set(LINE_MIXES) == set(line_mixing.LINE_MIXERS)
    assert all(row.needs_texts for row in LINE_MIXES.values())


def test_a_mean_of_draws_and_stages_go_with_lines(generator):
    images, widths = batch_of(words(6), 90)
    texts = words(6)
    assert augment_lines(preset("augmix"), images, texts, widths, generator).texts == tuple(texts)
    late = Policy(
        sub_policies=(SubPolicy(),),
        stages=(Stage(start=0.5, sub_policies=(SubPolicy(),), mix=Mix(operation="line-join")),),
    )
    early = augment_lines(late, images, texts, widths, generator, progress=0.2)
    assert early.texts == tuple(texts)
    assert augment_lines(late, images, texts, widths, generator, progress=0.6).texts != tuple(texts)


# Refusals.


@pytest.mark.parametrize("name", sorted(LINE_MIXES))
def test_mixes_of_strings_are_refused_where_there_are_none(name, generator):
    policy = policy_of(mix=Mix(operation=name))
    with pytest.raises(UserError, match="only lines of text have them"):
        augment(policy, pictures(1, 8, 8), torch.zeros(6).long(), num_classes=2, generator=generator)


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (policy_of(softening=Softening(k=2)), "softens targets"),
        (policy_of(mix=Mix(operation="cutmix")), "mixed by line-join and glyph-paste"),
        (preset("entaugment"), "adapts to the class"),
        (preset("simsiam-sa2"), "leave out 'pair'"),
        (with_classes(policy_of(), {"0": preset("flip-crop")}), "leave out 'classes'"),
    ],
)
def test_policies_for_classes_are_refused(policy, message, generator):
    with pytest.raises(UserError, match=message):
        augment_lines(policy, pictures(1, 8, 8), ["a"] * 6, None, generator)
    late = Policy(sub_policies=(SubPolicy(),), stages=(Stage(start=0.5, sub_policies=(SubPolicy(),)),))
    must_suit_lines(late)
    with pytest.raises(UserError, match=message):
        must_suit_lines(policy)


def test_a_later_stage_is_checked_too():
    stage = Stage(start=0.5, sub_policies=(SubPolicy(),), mix=Mix(operation="mixup"))
    with pytest.raises(UserError, match="mixes by mixup"):
        must_suit_lines(Policy(sub_policies=(SubPolicy(),), stages=(stage,)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"texts": ["a"] * 5}, "6 strings, one per image"),
        ({"texts": "abcdef"}, "6 strings"),
        ({"texts": [1] * 6}, "6 strings"),
        ({"widths": torch.full((6,), 9)}, "widths must lie in 1..8, got 9..9"),
        ({"widths": torch.zeros(6).long()}, "widths must lie in 1..8"),
        ({"widths": torch.ones(6)}, "int64"),
        ({"widths": [3] * 6}, r"int64 \[6\]"),
        ({"images": torch.zeros(6, 1, 8, 8)}, "uint8"),
        ({"generator": 3}, "torch.Generator"),
        ({"progress": 2}, "progress"),
    ],
)
def test_bad_lines_are_refused(changes, message):
    arguments = {"images": pictures(1, 8, 8), "texts": ["a"] * 6, "widths": None, "generator": torch.Generator()}
    with pytest.raises(UserError, match=message):
        augment_lines(policy_of(), **{**arguments, **changes})
