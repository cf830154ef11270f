"""The accuracy of every class in recorded trials: which replicates and which arms count."""

from __future__ import annotations

import numpy as np

from policysearch.core.trial import Outcome
from policysearch.policy.presets import preset
from policysearch.policy.spaces import Arm
from policysearch.study.class_counts import class_shares
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


def test_without_counts_there_are_none():
    """As in studies of earlier versions, and of tasks without classes."""
    older = [Row(0, ARMS["identity"], 0, state=COMPLETE, outcome=Outcome({"accuracy": 0.5}))]
    assert class_shares(older, KEYS) is None and class_shares([], KEYS) is None
    assert class_shares(rows(identity=[5, 6]), KEYS) is None
