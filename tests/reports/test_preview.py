"""The preview: what it says under each picture, worked out by hand, and what the command writes and refuses."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from policysearch.augmentation import Draw, replay
from policysearch.augmentation.sampling import MixDraw
from policysearch.augmentation.views import drawn_views
from policysearch.core.errors import UserError
from policysearch.datasets.dataset import Dataset
from policysearch.experiments.search.run import search
from policysearch.policy.operations import OPERATIONS
from policysearch.policy.policy import Policy
from policysearch.policy.softening import Curve, Softening
from policysearch.policy.steps import Step
from policysearch.reports.preview.captions import captions
from policysearch.reports.preview.figure import drawn_pictures, preview
from policysearch.reports.preview.sheet import Picture, sheet
from policysearch.study.policy_spec import named_policy
from tests.support.command_line import call
from tests.support.pictures import fixed, policy_of
from tests.support.quick import config_for, write_npz
from tests.support.selection import slow_but

NAMES = ("cat", "dog", "ship", "frog")
GREY = torch.arange(64, dtype=torch.uint8).view(1, 1, 8, 8).repeat(3, 1, 1, 1)
LABELS = torch.tensor([0, 1, 1])


def told(draw: Draw, policy: Policy | None = None) -> list[tuple[str, ...]]:
    policy = policy or Policy.preset("identity")
    maps = torch.ones(3, 1, 1)
    out = replay(policy, draw, GREY, LABELS, num_classes=4, activation_maps=maps)
    return captions(out, LABELS, NAMES, policy.softening is not None)


def training(channels: int = 1, side: int = 28, count: int = 40) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, channels, side, side), dtype=np.uint8), np.arange(count) % 4


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def mix(operation: str, *, applied: bool = True, share: float = 0.75) -> MixDraw:
    """Every image with the next one, the last with the first; a box of 1 - share around the centre."""
    partners = torch.tensor([[1, 2, 0], [2, 0, 1], [0, 1, 2]])
    return MixDraw(operation, torch.full((3,), applied), partners, torch.full((3, 2), share), torch.full((3, 4), 0.5))


# What stands under a picture


@pytest.mark.parametrize(
    ("name", "magnitude", "line"),
    [
        ("rotate", -12.0, "rotate -12°"),
        ("rotate", 0.0, "rotate +0°"),
        ("rotate", -0.0, "rotate +0°"),
        ("shear-x", 0.30000001192, "shear-x +0.3"),
        ("translate-x-pixels", -14.5, "translate-x-pixels -14.5"),
        ("cutout", 0.5, "cutout 0.5"),
        ("solarize", 229.5, "solarize 230"),
        ("noise", -0.4, "noise -0.4"),
        ("flip-horizontal", 0.0, "flip-horizontal"),
        ("equalize", 0.0, "equalize"),
    ],
)
def test_an_operation_is_told_with_its_magnitude_and_sign(name, magnitude, line):
    assert told(fixed(name, magnitude, 3)) == [("confidence 1.00", line)] * 3


def test_operations_are_told_in_order_and_those_not_applied_are_left_out():
    names = ("identity", "rotate", "cutout")
    draw = Draw(
        names, torch.tensor([[2, 1], [0, 1], [0, 0]]), torch.tensor([[0.5, 9.0]] * 3), torch.full((3, 2, 2), 0.5)
    )
    assert [lines[1:] for lines in told(draw)] == [("cutout 0.5", "rotate +9°"), ("rotate +9°",), ("unchanged",)]


def translated(mode: str, **more: object) -> list[tuple[str, ...]]:
    """Half of the image leaves it: v = 0.5; with k 2 and 4 classes the confidence is 1 - 0.75·0.25 = 0.8125."""
    step = Step(operation="translate-x", magnitude=0.5)
    return told(fixed("translate-x", 0.5, 3), policy_of(step, softening=Softening(k=2, mode=mode, **more)))


@pytest.mark.parametrize(
    ("mode", "lines"),
    [
        ("target", ("confidence 0.81", "v 0.50")),
        ("weight", ("confidence 1.00", "weight 0.81, v 0.50")),
        ("both", ("confidence 0.81", "weight 0.81, v 0.50")),
    ],
)
def test_softening_shows_in_confidence_weight_and_visibility(mode, lines):
    assert translated(mode) == [(*lines, "translate-x +0.5")] * 3


def test_a_weight_of_one_is_not_told():
    assert translated("both", normalise=True)[0] == ("confidence 0.81", "v 0.50", "translate-x +0.5")
    off = translated("target", p_min=1, operations={"cutout": Curve()})
    assert off[0] == ("confidence 1.00", "v 0.50", "translate-x +0.5")


@pytest.mark.parametrize(
    ("operation", "lines"),
    [
        ("mixup", ("cat 0.75, dog 0.25", "rotate +9°", "mixup with dog")),
        ("cutmix", ("cat 0.75, dog 0.25", "rotate +9°", "cutmix with dog")),  # a box of 4×4 in 8×8
        ("sample-pairing", ("cat 1.00", "rotate +9°", "sample-pairing with dog")),
        ("mosaic", ("cat 0.50, dog 0.50", "rotate +9°", "mosaic with dog, dog, itself")),  # quarters: 0, 1, 2, 0
        ("snapmix", ("cat 0.73, dog 0.27", "rotate +9°", "snapmix with dog")),  # 16 of 60: 9° hide the four corners
    ],
)
def test_a_mix_shows_the_two_largest_classes_and_the_partners(operation, lines):
    rotated = fixed("rotate", 9.0, 3)
    draw = Draw(rotated.names, rotated.operations, rotated.magnitudes, rotated.numbers, mix=mix(operation))
    assert told(draw)[0] == lines


def test_partners_of_the_same_class_and_images_left_out_of_the_mix():
    rotated = fixed("rotate", 9.0, 3)
    parts = (rotated.names, rotated.operations, rotated.magnitudes, rotated.numbers)
    assert told(Draw(*parts, mix=mix("mixup")))[1] == ("dog 1.00", "rotate +9°", "mixup with another dog")
    assert told(Draw(*parts, mix=mix("mixup", applied=False)))[0] == ("confidence 1.00", "rotate +9°")


def test_a_softened_mix_shows_classes_of_its_sources_alone():
    """Both images have confidence 0.8125 and the other three classes 0.0625 each; sample-pairing keeps the target."""
    moved = fixed("translate-x", 0.5, 3)
    policy = policy_of(Step(operation="translate-x", magnitude=0.5), softening=Softening(k=2))
    draw = Draw(moved.names, moved.operations, moved.magnitudes, moved.numbers, mix=mix("mixup"))
    assert told(draw, policy)[0] == ("cat 0.62, dog 0.25", "v 0.50", "translate-x +0.5", "mixup with dog")
    assert told(draw, policy)[1][0] == "dog 0.81"


def test_snapmix_tells_the_weight_its_boxes_leave():
    """Box a covers a quarter, box b a half less a little: 6×6 of 8×8, so w = 0.75 + 36/64 = 1.3125."""
    drawn = mix("snapmix")
    drawn.shares[:, 1] = 0.4375
    rotated = fixed("rotate", 0.0, 3)
    draw = Draw(rotated.names, rotated.operations, rotated.magnitudes, rotated.numbers, mix=drawn)
    assert told(draw)[0][:2] == ("cat 0.57, dog 0.43", "weight 1.31")


def test_a_mixture_shows_its_shares_and_the_operations_of_each_chain():
    names = ("identity", "rotate", "equalize")
    operations = torch.tensor([[1, 2], [0, 0]] * 3)
    magnitudes = torch.tensor([[-3.0, 0.0], [0.0, 0.0]] * 3)
    draw = Draw(names, operations, magnitudes, torch.zeros(6, 2, 0), mixture=torch.tensor([[0.25, 0.5, 0.25]] * 3))
    assert told(draw) == [("confidence 1.00", "0.25 original", "0.50 rotate -3°, equalize", "0.25 unchanged")] * 3


# The figure


@pytest.mark.parametrize(("channels", "side"), [(1, 8), (3, 28), (1, 224), (3, 224)])
def test_rows_are_images_of_different_classes_and_columns_are_draws(channels, side):
    images, labels = training(channels, side, count=12)
    figure = preview(Policy.preset("flip-crop"), images, labels, NAMES, rows=3, draws=2)
    shown = figure.axes[0].images
    assert len(shown) == 9
    assert all(one.get_array().shape == ((side, side, 3) if channels == 3 else (side, side)) for one in shown)
    assert {one.get_interpolation() for one in shown} == {"nearest" if side < 140 else "antialiased"}
    names = [text for text in texts(figure) if text in NAMES]
    assert len(set(names)) == 3 and names == sorted(names, key=NAMES.index)
    for row, name in enumerate(names):
        given = shown[3 * row].get_array()
        own = [i for i in range(12) if np.array_equal(images[i].transpose(1, 2, 0).reshape(given.shape), given)]
        assert [NAMES[labels[i]] for i in own] == [name]


def test_with_fewer_classes_than_rows_a_class_comes_twice_with_another_image():
    images, labels = training(count=8)
    figure = preview(Policy.preset("identity"), images, labels, NAMES, rows=6, draws=1)
    names = [text for text in texts(figure) if text in NAMES]
    assert sorted(names.count(name) for name in NAMES) == [1, 1, 2, 2]
    originals = [one.get_array().tobytes() for one in figure.axes[0].images[::2]]
    assert len(set(originals)) == 6


@pytest.mark.parametrize("preset", slow_but(["soft-crop"], ["trivialaugment-wide", "soft-crop", "augmix"]))
def test_the_same_seed_gives_the_same_figure(preset):
    images, labels = training()
    one, again, other = (
        preview(Policy.preset(preset), images, labels, NAMES, rows=3, draws=3, seed=seed) for seed in (5, 5, 6)
    )
    assert texts(one) == texts(again) != texts(other)
    pairs = zip(one.axes[0].images, again.axes[0].images, strict=True)
    assert all(np.array_equal(a.get_array(), b.get_array()) for a, b in pairs)


@pytest.mark.parametrize("operation", ["mixup", "cutmix", "sample-pairing", "mosaic", "snapmix"])
def test_partners_are_other_training_images(operation):
    """Each picture's caption names a partner; with 40 images about one in 40 is an image's own."""
    images, labels = training()
    policy = policy_of(Step(operation="flip-horizontal"), mix={"operation": operation})
    found = texts(preview(policy, images, labels, NAMES, rows=1, draws=12))
    partners = [text for text in found if text.startswith(f"{operation} with")]
    assert len(partners) == 12 and sum("itself" in text for text in partners) <= 3
    assert any("uniform activation maps" in text for text in found) == (operation == "snapmix")


def test_normalised_weights_are_those_of_a_whole_batch():
    images, labels = training(count=130)
    crop = Step(operation="soft-crop", magnitude=0.3)
    policy = policy_of(crop, softening=Softening(mode="weight", normalise=True))
    found = texts(preview(policy, images, labels, NAMES, rows=1, draws=6))
    assert sum(text.startswith("weight") for text in found) >= 5  # a batch of one would have weight 1


def test_stages_show_what_holds_at_a_progress_and_the_title_says_when():
    images, labels = training()
    late = {"start": 0.5, "sub_policies": [{"steps": [{"operation": "invert"}]}], "mix": {"operation": "mixup"}}
    policy = policy_of(Step(operation="equalize"), name="staged", stages=[late])
    early = texts(preview(policy, images, labels, NAMES, rows=1, draws=1, progress=0.2))
    assert " ".join(early).startswith(f"staged ({policy.hash}), 20% of the training done") and "equalize" in early
    after = texts(preview(policy, images, labels, NAMES, rows=1, draws=1, progress=0.5))
    assert "invert" in after and "equalize" not in after and any("mixup with" in text for text in after)


def boxes(figure: Figure) -> list[tuple[float, float, float, float]]:
    renderer = figure.canvas.get_renderer()
    return [text.get_window_extent(renderer).extents for text in figure.axes[0].texts]


@pytest.mark.parametrize("columns", [1, 2, pytest.param(7, marks=pytest.mark.slow)])
def test_no_text_meets_another_or_the_edge(columns):
    """Every operation at its longest, long names of classes, and formulas, which stay plain text."""
    longest = [f"{name} {-row.high:+.3g}, {name} {0.123:.3g}" for name, row in OPERATIONS.items()]
    lines = ("confidence 0.99, another_unbroken_name_of_a_class_that_never_ends $x_1$ and more", *longest)
    picture = Picture(np.zeros((8, 8), np.uint8), lines)
    figure = sheet("a long title " * 9, ["a note " * 30], [[picture] * columns] * 2)
    found = boxes(figure)
    assert all(left >= 0 and right <= figure.bbox.width for left, _, right, _ in found)
    assert all(low >= 0 and high <= figure.bbox.height for _, low, _, high in found)
    for i, (left, low, right, high) in enumerate(found):
        for left2, low2, right2, high2 in found[i + 1 :]:
            across, down = min(right, right2) - max(left, left2), min(high, high2) - max(low, low2)
            assert across <= 0 or down <= 3, "a letter's ascent may reach into the line above, no letter does"
    assert "".join(texts(figure)).replace(" ", "").count("".join(longest).replace(" ", "")) == 2 * columns
    for row in pairwise(sorted({round(image.get_extent()[2], 2) for image in figure.axes[0].images})):
        assert row[1] > row[0] + 1


def test_pictures_that_are_not_square_keep_their_shape():
    wide, tall = (Picture(np.zeros(shape, np.uint8), ("x",)) for shape in ((8, 32), (32, 8)))
    left, right, low, high = sheet("t", [], [[wide]]).axes[0].images[0].get_extent()
    assert (right - left) / abs(high - low) == pytest.approx(4)
    left, right, low, high = sheet("t", [], [[tall]]).axes[0].images[0].get_extent()
    assert abs(high - low) / (right - left) == pytest.approx(4)


# Pairs of views


def test_both_views_stand_side_by_side_with_what_they_share_and_count():
    """Against the views that the same generator draws for the same batch."""
    images, labels = training(3, 12, count=3)
    policy = Policy.preset("simsiam-sa1")
    grid = drawn_pictures(policy, images, labels, NAMES, rows=3, draws=2, seed=4)
    assert [len(row) for row in grid] == [5, 5, 5]
    batch = torch.from_numpy(np.stack([row[0].image.transpose(2, 0, 1) for row in grid]))
    out = drawn_views(policy, batch, torch.Generator().manual_seed(4))
    for row, pictures in enumerate(grid):
        assert np.array_equal(pictures[1].image, out.first[row].permute(1, 2, 0))
        assert np.array_equal(pictures[2].image, out.second[row].permute(1, 2, 0))
        assert pictures[1].lines[0] == f"IoU {out.iou[row]:.2f}, weight {out.weights[row]:.2f}"
        assert pictures[2].lines[0] == "second view" and pictures[1].lines[1].startswith("resized-crop 0.")


def test_pairs_without_a_weight_say_what_they_share_alone():
    images, labels = training(1, 12)
    figure = preview(Policy.preset("simsiam"), images, labels, NAMES, rows=2, draws=2, pairs=True)
    shares = [text for text in texts(figure) if re.fullmatch(r"IoU 0\.\d\d", text)]
    assert len(shares) == 4 and texts(figure).count("second view") == 4
    assert not any("weight" in text for text in texts(figure))
    weighted = preview(Policy.preset("simsiam-sa2"), images, labels, NAMES, rows=2, draws=1)
    assert any("weight: what the pair counts" in text for text in texts(weighted))


def test_a_policy_that_gives_no_views_is_refused():
    with pytest.raises(UserError, match="no softening"):
        drawn_pictures(Policy.preset("soft-crop"), *training(), NAMES, rows=1, draws=1, pairs=True)


# The command


@pytest.fixture
def cli(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    return lambda *words: call(monkeypatch, capsys, "preview", *words)


def size(path: Path) -> tuple[int, int]:
    """(width, height) of a PNG."""
    head = path.read_bytes()[:24]
    assert head.startswith(b"\x89PNG\r\n\x1a\n")
    return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")


@pytest.mark.parametrize("policy", ["randaugment:2,9", "mine.json"])
def test_the_command_writes_a_picture_and_says_what_and_where(cli, tmp_path, policy):
    Policy.preset("soft-crop").save(tmp_path / "mine.json")
    (tmp_path / "grid.png").write_text("what was there before")
    code, out, err = cli(policy, "--out", "grid.png", "--images", "2", "--draws", "3")
    assert code == 0 and not err
    assert "every image" in out and "fashion-small" in out and out.splitlines()[-1].startswith("grid.png: ")
    width, height = size(tmp_path / "grid.png")
    assert 4 * 140 < width < 5 * 140 and 2 * 140 < height < 6 * 140
    assert {path.name for path in tmp_path.iterdir()} == {"mine.json", "grid.png"}


def test_the_default_is_preview_png_of_four_images_with_six_draws(cli, tmp_path):
    code, out, _ = cli("trivialaugment-wide")
    assert code == 0 and "4 training images" in out and "6 draws of each" in out
    assert size(tmp_path / "preview.png")[0] > 7 * 140


def test_own_data_and_progress(cli, npz, tmp_path):
    late = [{"start": 0.5, "sub_policies": [{}]}]
    policy_of(Step(operation="invert"), name="staged", stages=late).save(tmp_path / "staged.json")
    code, out, _ = cli("staged.json", "--data", "small.npz", "--images", "2", "--progress", "0.25")
    assert code == 0 and "25% of the training" in out and "small" in out


def test_an_adaptive_policy_says_that_its_magnitudes_are_drawn(cli, npz, tmp_path):
    code, out, _ = cli("entaugment", "--data", "small.npz", "--images", "1")
    assert code == 0 and "drawn evenly here, in training entaugment takes each image's from the network" in out


def test_pairs_are_drawn_of_policies_that_weigh_them_or_where_asked(cli, npz, tmp_path):
    code, out, _ = cli("simsiam-sa2", "--data", "small.npz", "--images", "1", "--draws", "2")
    assert code == 0 and "2 pairs of views of each" in out and "pairs weighted by" in out
    assert size(tmp_path / "preview.png")[0] > 5 * 140
    code, out, _ = cli("flip-crop", "--pairs", "--data", "small.npz", "--images", "1", "--draws", "1")
    assert code == 0 and "1 pairs of views of each" in out
    code, _, err = cli("soft-crop", "--pairs", "--data", "small.npz")
    assert code != 0 and "two views of an image have no softening" in err


def test_snapmix_says_that_its_maps_are_uniform(cli, npz, tmp_path):
    policy_of(Step(operation="identity"), mix={"operation": "snapmix"}).save(tmp_path / "snap.json")
    code, out, _ = cli("snap.json", "--data", "small.npz", "--images", "1")
    assert code == 0 and "uniform activation maps" in out


class OnlyTrain(Dataset):
    """A data set whose test part must not be looked at."""

    def __getattribute__(self, name: str) -> object:
        assert name not in ("x_test", "y_test"), "a preview read the test part"
        return super().__getattribute__(name)


def test_the_test_part_is_never_read(cli, tmp_path, monkeypatch):
    images, labels = training()
    nothing = np.zeros((0, 1, 28, 28), np.uint8)
    guarded = OnlyTrain("guarded", images, labels, nothing, np.zeros(0, np.int64), NAMES)
    monkeypatch.setattr("policysearch.datasets.load.load", lambda *_: guarded)
    assert cli("simsiam-sa1", "--data", "guarded")[0] == 0
    policy_of(Step(operation="flip-horizontal"), mix={"operation": "mosaic"}).save(tmp_path / "mosaic.json")
    assert cli("mosaic.json", "--data", "guarded")[0] == 0
    with pytest.raises(AssertionError, match="test part"):
        guarded.x_test  # noqa: B018


BAD = [
    (["soft-crp"], "unknown policy preset 'soft-crp': did you mean soft-crop.* PATH.json"),
    (["nowhere.json"], "cannot read policy file 'nowhere.json': No such file"),
    (["text.png"], "policy file 'text.png' is not JSON"),
    (["."], "cannot read policy file"),
    (["bad.json"], "magnitude of rotate must lie in"),
    (["randaugment:99,9"], "whole N in 1..10"),
    (["augmix", "--data", "fashion-smal"], "did you mean fashion-small"),
    (["augmix", "--data", "nowhere.npz"], "No such file"),
    (["augmix", "--images", "0"], r"--images must lie in \[1, 20\], got 0"),
    (["augmix", "--images", "1000"], r"--images must lie in \[1, 20\], got 1000"),
    (["augmix", "--images", "19", "--data", "few.npz"], r"--images must lie in \[1, 9\], got 19"),
    (["augmix", "--draws", "0"], r"--draws must lie in \[1, 20\], got 0"),
    (["augmix", "--draws", "21"], r"--draws must lie in \[1, 20\], got 21"),
    (["augmix", "--draws", "x"], "valid integer"),
    (["augmix", "--seed", "-1"], r"--seed must lie in \[0, \d+\], got -1"),
    (["augmix", "--progress", "1.5"], r"in \[0, 1\], got 1.5"),
    (["augmix", "--progress", "nan"], r"in \[0, 1\], got nan"),
    (["augmix", "--out", "grid.pdf"], "--out takes PATH.png, got 'grid.pdf'"),
    (["augmix", "--out", "nowhere/grid.png"], "cannot write 'nowhere/grid.png': No such file.*folder that exists"),
    (["augmix", "--out", "text.png/grid.png"], "cannot write 'text.png/grid.png': Not a directory"),
    (["augmix", "--out", "folder.png"], "cannot write 'folder.png': Is a directory"),
    ([], "Missing argument"),
]


@pytest.mark.parametrize(("words", "message"), BAD, ids=[" ".join(words) for words, _ in BAD])
def test_bad_input_is_one_sentence_and_writes_nothing(cli, tmp_path, words, message):
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "folder.png").mkdir()
    steps = [{"operation": "rotate", "magnitude": 1e9}]
    (tmp_path / "bad.json").write_text(json.dumps({"schema": 1, "sub_policies": [{"steps": steps}]}))
    write_npz(tmp_path / "few.npz", x_train=np.zeros((9, 8, 8), np.uint8), y_train=np.arange(9) % 3)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    code, out, err = cli(*words)
    assert code == 2 and not out
    assert re.search(message, err) and "Traceback" not in err and err.count("\n") == 1, err
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == before


def test_a_picture_that_cannot_be_finished_leaves_the_old_one(cli, tmp_path, monkeypatch):
    (tmp_path / "preview.png").write_text("the old one")

    def fails(self: Figure, path: Path, **_: object) -> None:
        Path(path).write_text("half a picture")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", fails)
    code, _, err = cli("identity")
    assert code == 2 and "No space left" in err
    assert [path.name for path in tmp_path.iterdir()] == ["preview.png"]
    assert (tmp_path / "preview.png").read_text() == "the old one"


def test_the_help_says_that_a_file_is_overwritten_and_loads_neither_torch_nor_matplotlib():
    code = (
        "import sys; sys.argv = ['policysearch', 'preview', '--help']\n"
        "from policysearch.cli.entry_point import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "sys.exit(any(m in sys.modules for m in ('torch', 'numpy', 'matplotlib')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "overwritten" in done.stdout and "--progress" in done.stdout


def test_a_preset_goes_before_a_file_of_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Policy.preset("flip-crop").save("augmix")
    assert named_policy("augmix") == Policy.preset("augmix")
    Policy.preset("flip-crop").save("without-suffix")
    assert named_policy("without-suffix") == Policy.preset("flip-crop")
    with pytest.raises(UserError, match="did you mean augmix"):
        named_policy("augmx")


def test_the_policy_of_a_search_is_shown_on_the_data_of_the_search(cli, quick, tmp_path):
    data = write_npz(tmp_path / "flowers.npz")
    search(config_for(tmp_path / "run", data=str(data), trials=2, confirm=0))
    for policy in ("run", "run/policy.json"):
        code, out, _ = cli(policy, "--images", "1", "--draws", "1")
        assert code == 0 and "training images of flowers" in out
    code, out, _ = cli("run", "--images", "1", "--draws", "1", "--data", "fashion-small")
    assert code == 0 and "training images of fashion-small" in out
