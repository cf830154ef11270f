"""The last checkpoint of an online search."""

from __future__ import annotations

import errno
import os

import pytest

from policysearch.experiments.online.pace import LastCheckpoint


def full() -> bytes:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def unsaved() -> bytes:
    raise TypeError("cannot pickle 'generator' object")


@pytest.mark.parametrize(("content", "reason"), [(full, "No space left"), (unsaved, "cannot pickle")])
def test_a_checkpoint_that_cannot_be_written_ends_no_training(content, reason, tmp_path):
    checkpoint = LastCheckpoint(tmp_path / "checkpoint.pt")
    (tmp_path / "checkpoint.pt").write_bytes(b"before")
    with pytest.warns(UserWarning, match=f"no checkpoint could be written, and the training goes on: .*{reason}"):
        checkpoint.write_if_due(content)
    assert checkpoint.last() == b"before" and len([*tmp_path.iterdir()]) == 1
