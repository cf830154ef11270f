"""Compiled loops give torch's pixels to the last bit, whatever the policy, and are loaded only where that pays."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest
import torch
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st

from policysearch.augmentation import augment, draw, replay
from policysearch.augmentation.compiled import backend, program
from policysearch.augmentation.compiled.backend import VARIABLE, Loader
from policysearch.augmentation.compiled.codes import CODES, MATRIX, MOVE
from policysearch.core.errors import UserError
from policysearch.policy.operations import OPERATIONS
from policysearch.policy.policy import Policy
from policysearch.policy.steps import OneOf, Step, SubPolicy, Uniform
from tests.support.backends import BACKENDS, apply, kernels
from tests.support.pictures import pictures, policy_of
from tests.support.random_policies import policies

IMAGES = {
    "RGB": pictures(3, 13, 11, batch=24),
    "grey": pictures(1, 16, 16, batch=24),
    "one row": pictures(3, 1, 9, batch=24),
    "turned": pictures(3, 9, 21, batch=24).transpose(2, 3),
    "channels last": pictures(3, 14, 14, batch=24).contiguous(memory_format=torch.channels_last),
    "every other": pictures(3, 12, 12, batch=48)[::2],
}


def anything(name: str) -> Step:
    """The operation with any magnitude that it accepts."""
    row = OPERATIONS[name]
    return Step(operation=name, magnitude=Uniform(start=row.low, stop=row.high) if row.has_magnitude else None)


EVERYTHING = Policy(
    sub_policies=(SubPolicy(steps=(OneOf(one_of=tuple(anything(name) for name in sorted(OPERATIONS))),) * 4),)
)


@given(policies, st.sampled_from(sorted(IMAGES)))
@settings(max_examples=40)
def test_any_policy_gives_the_same_on_both(policy, kind):
    gives_the_same(policy, IMAGES[kind])


@pytest.mark.slow
@pytest.mark.timeout(900)
@given(policies)
@settings(max_examples=2000)
def test_very_many_policies_give_the_same_on_both(policy):
    for images in IMAGES.values():
        gives_the_same(policy, images)


def gives_the_same(policy: Policy, images: torch.Tensor) -> None:
    labels, results = torch.arange(24) % 3, []
    for name in BACKENDS:
        with kernels(name):
            generator = torch.Generator().manual_seed(5)
            results.append(augment(policy, images, labels, num_classes=3, generator=generator))
    by_torch, compiled = results
    assert torch.equal(compiled.images, by_torch.images)
    assert torch.equal(compiled.targets, by_torch.targets) and torch.equal(compiled.weights, by_torch.weights)
    assert torch.equal(compiled.draw.operations, by_torch.draw.operations)
    assert torch.equal(compiled.draw.numbers, by_torch.draw.numbers)
    with kernels("numba"):
        again = replay(policy, by_torch.draw, images, labels, num_classes=3)
    assert torch.equal(again.images, by_torch.images)


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 50), (32, 32), (21, 64)])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_mixed_operations_in_four_steps(channels, size, generator):
    images = pictures(channels, *size, batch=300)
    before = images.clone()
    apply(draw(EVERYTHING, 300, generator), images)
    assert torch.equal(images, before)


def test_images_too_large_for_an_exact_sum_of_grey_values(generator):
    images = pictures(3, 257, 257, batch=2)
    policy = policy_of(*(anything(name) for name in ("brightness", "contrast", "rotate", "contrast")))
    apply(draw(policy, 2, generator), images)


def test_large_images_of_every_operation(generator):
    apply(draw(EVERYTHING, 80, generator), pictures(3, 120, 90, batch=80))


def test_threads_share_a_batch(generator, monkeypatch):
    monkeypatch.setattr(program, "_SHARED", 0)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    for batch in (1, 2, 50):
        apply(draw(EVERYTHING, batch, generator), pictures(3, 16, 16, batch=batch))


@pytest.mark.parametrize("name", [*CODES, "move", "matrix"])
def test_a_loop_in_the_place_of_another_would_be_noticed(name, generator, monkeypatch):
    """The same draws with one operation's loop left out."""
    images = pictures(3, 32, 32, batch=300)
    drawn = draw(EVERYTHING, 300, generator)
    code = {**CODES, "move": MOVE, "matrix": MATRIX}[name]
    with kernels("numba"):
        loops = backend.LOADER.loops(images)

    def without(images, out, codes, *rest):
        loops(images, out, codes * (codes != code), *rest)

    monkeypatch.setattr(backend.LOADER, "_loops", without)
    with pytest.raises(AssertionError, match="different pixels"):
        apply(drawn, images)


# Loading.


@pytest.fixture
def loads(monkeypatch):
    """How often the loops were loaded; nothing is compiled."""
    calls = []
    monkeypatch.setattr(backend, "load", lambda wait: calls.append(wait) or (lambda *_: None))
    monkeypatch.setenv(VARIABLE, "auto")
    return calls


def test_small_batches_load_nothing_until_they_are_many(loads, monkeypatch):
    loader, small = Loader(), torch.zeros(16, 3, 32, 32, dtype=torch.uint8)
    monkeypatch.setattr(backend, "_MANY", 3 * small.numel())
    assert [loader.loops(small) is None for _ in range(4)] == [True, True, False, False] and loads == [False]


def test_a_large_batch_loads_at_once(loads):
    loader = Loader()
    assert loader.loops(torch.zeros(128, 3, 32, 32, dtype=torch.uint8)) is not None and loads == [False]


def test_the_variable_decides(loads, monkeypatch):
    loader, small, large = Loader(), torch.zeros(1, 3, 8, 8).byte(), torch.zeros(9, 3, 224, 224).byte()
    monkeypatch.setenv(VARIABLE, "torch")
    assert loader.loops(large) is None and loads == []
    monkeypatch.setenv(VARIABLE, "numba")
    assert loader.loops(small) is not None and loads == [True]
    monkeypatch.setenv(VARIABLE, "cython")
    with pytest.raises(UserError, match="POLICYSEARCH_KERNELS is auto, numba or torch, got 'cython'"):
        loader.loops(small)


@pytest.mark.parametrize(
    "images",
    [
        torch.zeros(128, 3, 64, 64, device="meta", dtype=torch.uint8),
        torch.zeros(128, 2, 64, 64, dtype=torch.uint8),
        torch.zeros(128, 3, 64, 64),
        torch.zeros(0, 3, 64, 64, dtype=torch.uint8),
        torch.zeros(128, 3, 64, 64, dtype=torch.uint8).as_subclass(type("Picture", (torch.Tensor,), {})),
    ],
    ids=["another device", "two channels", "float32", "no image", "a subclass"],
)
def test_other_tensors_go_through_torch(images, loads):
    assert Loader().loops(images) is None and loads == []


def test_without_numba_it_is_torch_and_said_once(monkeypatch, caplog):
    monkeypatch.setattr(backend, "find_spec", lambda name: None)
    monkeypatch.setenv(VARIABLE, "auto")
    loader, large = Loader(), torch.zeros(9, 3, 224, 224, dtype=torch.uint8)
    with caplog.at_level(logging.INFO):
        assert loader.loops(large) is None and loader.loops(large) is None
    assert [record.getMessage() for record in caplog.records] == [
        "augmentation uses torch, not compiled kernels: numba is not installed: pip install 'policysearch[fast]'"
    ]
    monkeypatch.setenv(VARIABLE, "numba")
    with pytest.raises(
        UserError, match=r"cannot be loaded: numba is not installed: pip install 'policysearch\[fast\]'"
    ):
        Loader().loops(large)


def test_nobody_waits_for_another_process_that_compiles(tmp_path, monkeypatch):
    monkeypatch.setenv("POLICYSEARCH_CACHE", str(tmp_path))
    monkeypatch.setenv(VARIABLE, "auto")
    monkeypatch.setattr(backend, "import_module", lambda name: pytest.fail(f"{name} was imported"))
    folder = tmp_path / "kernels" / backend._fingerprint()
    folder.mkdir(parents=True)
    loader, large = Loader(), torch.zeros(9, 3, 224, 224, dtype=torch.uint8)
    with FileLock(folder / "loading.lock"):
        assert loader.loops(large) is None
    monkeypatch.setattr(backend, "load", lambda wait: print)
    assert loader.loops(large) is print, "it did not try again"


def test_without_a_folder_to_write_to_it_is_torch(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("POLICYSEARCH_CACHE", str(tmp_path / "file" / "below"))
    monkeypatch.setenv(VARIABLE, "auto")
    with caplog.at_level(logging.INFO):
        assert Loader().loops(torch.zeros(9, 3, 224, 224, dtype=torch.uint8)) is None
    assert "compiled in every process" in caplog.text
    with backend._folder(temporary=True) as folder:
        assert folder.is_dir() and tmp_path not in folder.parents
    assert not folder.exists()


def test_numbas_own_setting_is_left_alone(tmp_path):
    numba = pytest.importorskip("numba")
    folders = [numba.config.CACHE_DIR]
    with backend._numba_cache(tmp_path):
        folders.append(numba.config.CACHE_DIR)
    folders.append(numba.config.CACHE_DIR)
    assert folders[1] == str(tmp_path) and folders[0] == folders[2]


def test_numba_is_imported_late():
    code = (
        "import sys, torch; from policysearch import Policy, augment\n"
        "images, labels = torch.zeros(128, 1, 28, 28, dtype=torch.uint8), torch.zeros(128, dtype=torch.int64)\n"
        "generator = torch.Generator()\n"
        "augment(Policy.preset('randaugment'), images, labels, num_classes=2, generator=generator)\n"
        "print('numba' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"
