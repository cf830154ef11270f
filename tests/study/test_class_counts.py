"""The accuracy of every class in recorded trials: which replicates and which arms count."""

from __future__ import annotations

import numpy as np
import pytest

from policysearch.core.trial import Outcome
from policysearch.policy.presets import preset
from policysearch.policy.spaces import Arm
from policysearch.reports.class_effects import effects_grid
from policysearch.stats.class_effects import class_effects
from policysearch.study.class_counts import class_metric, class_shares
from policysearch.study.rows import COMPLETE, FAILED, Row

ARMS = {name: Arm({"family": name}, preset(name)) for name in ("identity", "flip-crop", "trivialaugment-wide")}
KEYS = {arm.key: name for name, arm in ARMS.items()}


def rows(**right: list[int | None]) -> list[Row]:
    """Trials by arm and replicate, of 10 images of a first class and none of a second; None: it failed."""
    made = []
    for name, counts in right.items():
        arm = ARMS[name.replace("_", "-")]
        for replicate, count in enumerate(counts):
            outcome = Outcome({} if count is None else {"class_counts": [[count, 10], [0, 0]]})
            made.append(Row(len(made), arm, replicate, state=FAILED if count is None else COMPLETE, outcome=outcome))
    return made


def test_replicates_that_all_have_count():
    shares = class_shares(
        rows(identity=[5, 6, 7], flip_crop=[4, None, 6], trivialaugment_wide=[1, 2, 3]), KEYS, ("a", "b")
    )
    assert shares is not None and shares.names == ("a", "b") and shares.images.tolist() == [10, 0]
    assert {name: values[:, 0].tolist() for name, values in shares.shares.items()} == {
        "identity": [0.5, 0.7],
        "flip-crop": [0.4, 0.6],
        "trivialaugment-wide": [0.1, 0.3],
    }
    assert np.isnan(shares.shares["identity"][:, 1]).all()


def test_an_arm_that_failed_takes_no_replicates_from_the_others():
    shares = class_shares(rows(identity=[5, 6, 7], flip_crop=[4, 5, 6], trivialaugment_wide=[None, 2, None]), KEYS)
    assert shares is not None and {*shares.shares} == {"identity", "flip-crop"} and shares.names == ("0", "1")
    assert len(shares.shares["identity"]) == 3


def masks(*pixels: list[list[int]], arm: str = "identity", metric: str = "class_pixels") -> list[Row]:
    """Trials of one arm by replicate, with pixels of [intersection, union, class]."""
    return [Row(k, ARMS[arm], k, state=COMPLETE, outcome=Outcome({metric: counts})) for k, counts in enumerate(pixels)]


def test_intersections_over_unions_by_hand():
    """The union is each network's own; a class that no mask shows has no share, though pixels were given to it."""
    ours = masks([[30, 40, 35], [0, 5, 0], [6, 8, 8]], [[28, 35, 35], [0, 0, 0], [4, 16, 8]])
    other = masks([[35, 70, 35], [0, 1, 0], [8, 8, 8]], [[7, 35, 35], [0, 2, 0], [2, 8, 8]], arm="flip-crop")
    keys = {arm.key: name for name, arm in ARMS.items() if name != "trivialaugment-wide"}
    shares = class_shares([*ours, *other], keys, ("sky", "sea", "road"), class_metric("segmentation"))
    assert shares is not None and shares.images.tolist() == [35, 0, 8] and shares.unit == "pixels"
    assert np.isnan(shares.shares["identity"][:, 1]).all()
    assert shares.shares["identity"][:, [0, 2]].tolist() == [[0.75, 0.75], [0.8, 0.25]]
    assert shares.shares["flip-crop"][:, [0, 2]].tolist() == [[0.5, 1.0], [0.2, 0.25]]
    effects = class_effects("identity", ["flip-crop"], shares)
    assert [(effect.name, effect.images, effect.accuracy.mean) for effect in effects.classes] == [
        ("sky", 35, 0.775),
        ("road", 8, 0.5),
    ]
    assert effects.classes[0].differences[0].difference.mean == pytest.approx(0.425)  # of 0.25 and 0.6
    grid = effects_grid(effects, "validation")
    assert grid.heads == ("class", "pixels", "IoU under identity [95 %]", "minus flip-crop")


def test_pixels_that_earlier_versions_recorded_do_not_say_which_classes_masks_show():
    older = [*masks([[3, 4]], [[3, 4]]), *masks([[3, 4]], [[3, 4]], arm="flip-crop")]
    assert class_shares(older, KEYS, metric="class_pixels") is None


def test_without_counts_there_are_none():
    """As in studies of earlier versions, and of tasks without classes."""
    older = [Row(0, ARMS["identity"], 0, state=COMPLETE, outcome=Outcome({"accuracy": 0.5}))]
    assert class_shares(older, KEYS) is None and class_shares([], KEYS) is None
    assert class_shares(rows(identity=[5, 6]), KEYS) is None
