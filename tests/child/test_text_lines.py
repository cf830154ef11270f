"""Children that read lines: they learn, they go on from checkpoints, strings follow the pixels, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from policysearch.child.networks import build, dry_forward
from policysearch.child.text_lines.exam import LineExam
from policysearch.child.text_lines.line_batches import augmented_lines
from policysearch.child.text_lines.network_check import line_network_notes
from policysearch.child.trainers import outputs_of, training_of
from policysearch.child.training_spec import ChildError
from policysearch.core.errors import UserError
from policysearch.policy.policy import Policy
from tests.support.line_children import HEIGHT, LETTERS, PER_LETTER, device_lines, read, small_lines
from tests.support.small_children import same, state_after

IDENTITY = Policy.preset("identity")
DISTORTED = Policy.from_dict(
    {"sub_policies": [{"steps": [{"operation": "line-stretch", "probability": 1.0, "magnitude": 0.3}]}]}
)
JOINED = Policy.from_dict({"sub_policies": [{}], "mix": {"operation": "line-join", "probability": 0.5}})


def test_a_child_learns_to_read_and_is_judged_on_both_parts() -> None:
    dataset = small_lines(repeat=2)
    exam = LineExam.of(dataset, torch.device("cpu"), 50)
    data = device_lines(dataset)
    metrics, _ = read(
        IDENTITY, data=data, images=100, epochs=8, batch=10, examine=lambda answers: exam(data, answers, seed=0)
    )
    assert metrics["accuracy"] > 0.5 and metrics["character_accuracy"] > 0.8
    assert metrics["test_accuracy"] > 0.5 and metrics["test_images"] == len(dataset.texts_test)
    assert metrics["curve"][-1] == {"epoch": 8, "accuracy": metrics["accuracy"], "loss": metrics["loss"]}
    assert metrics["accuracy"] == metrics["correct"] / metrics["validation_images"]
    assert {"class_counts", "reliability", "feature_rank"}.isdisjoint(metrics)


@pytest.mark.parametrize("schedule", ["one-cycle", "trunk"])
def test_a_child_goes_on_from_a_checkpoint_to_the_last_bit(schedule: str) -> None:
    whole, states = read(DISTORTED, epochs=3, stops=[1], schedule=schedule)
    rest, rest_states = read(DISTORTED, epochs=3, schedule=schedule, origin=states[1])
    assert same(state_after(states[3]), state_after(rest_states[3]))
    assert rest["accuracy"] == whole["accuracy"] and rest["curve"] == whole["curve"]


def test_the_seed_fixes_everything() -> None:
    first, _ = read(JOINED)
    assert read(JOINED)[0] == first
    assert read(JOINED, seed=4)[0]["loss"] != first["loss"]


def test_strings_are_joined_with_the_pixels() -> None:
    """Each shade in a joined line, from the left, is a letter of its string."""
    data = device_lines()
    shade_of = {shade: letter for letter, shade in LETTERS.items()}
    batches = augmented_lines(
        JOINED,
        data,
        data.train.split(12),
        step=0,
        steps=9,
        generator=torch.Generator().manual_seed(0),
        fits=lambda text, columns: columns >= PER_LETTER * len(text) - 2,
    )
    longest = 0
    for images, texts, widths in batches:
        assert images.shape[3] == int(widths.max())
        for image, text in zip(images, texts, strict=True):
            row = [int(value) for value in image[0, HEIGHT // 2]]
            starts = [value for value, before in zip(row, [255, *row], strict=False) if before == 255 != value]
            assert "".join(shade_of[value] for value in starts) == text
            longest = max(longest, len(text))
    assert longest > 4


def test_a_line_that_cannot_be_read_is_never_made() -> None:
    data, seen = device_lines(), []

    def fits(text: str, columns: int) -> bool:
        seen.append(text)
        return False

    batches = augmented_lines(
        JOINED, data, [data.train], step=0, steps=1, generator=torch.Generator().manual_seed(0), fits=fits
    )
    [batch] = list(batches)
    assert seen and list(batch.texts) == [data.texts[row] for row in data.train.tolist()]


def test_evaluation_does_not_depend_on_the_padding_behind_a_line() -> None:
    """A planted bug, steps counted over the whole image, reads letters that are painted behind the line."""
    dataset = small_lines(repeat=2)
    data = device_lines(dataset)
    exam = LineExam.of(dataset, torch.device("cpu"), 50)
    dirty = exam.images.clone()
    for image, width in zip(dirty, dataset.widths_test, strict=True):
        image[:, :, width + 8 :] = 0
    seen = {}

    def examine(answers):
        seen["clean"] = exam(data, answers, seed=0)
        seen["dirty"] = replace(exam, images=dirty)(data, answers, seed=0)
        whole = torch.full_like(exam.widths, dirty.shape[3])
        seen["planted"] = replace(exam, images=dirty, widths=whole)(data, answers, seed=0)
        return {}

    read(IDENTITY, data=data, images=100, epochs=8, batch=10, examine=examine)
    assert seen["dirty"]["test_accuracy"] >= seen["clean"]["test_accuracy"] - 0.1
    assert seen["planted"]["test_accuracy"] < seen["clean"]["test_accuracy"] - 0.2


def test_what_does_not_suit_lines_is_refused_before_anything_is_trained() -> None:
    softened = Policy.preset("soft-crop")
    mixed = Policy.from_dict({"sub_policies": [{}], "mix": {"operation": "mixup"}})
    for policy, recipe, sentence in (
        (softened, {}, "softens targets"),
        (mixed, {}, "mixes by mixup"),
        (IDENTITY, {"base_epochs": 2}, "--base-epochs 2 does not go with --task text-lines"),
        (IDENTITY, {"label_smoothing": 0.1}, "--label-smoothing 0.1 does not go with --task text-lines"),
    ):
        with pytest.raises(UserError, match=sentence):
            read(policy, **recipe)


def test_a_line_with_fewer_steps_than_its_string_needs_is_an_error_of_the_child() -> None:
    dataset = small_lines()
    narrow = replace(dataset, widths_train=(2,) * len(dataset.texts_train))
    with pytest.raises(
        ChildError, match=r"lines have fewer steps of the network than CTC needs, such as '[abc]+' on 2"
    ):
        read(IDENTITY, data=device_lines(narrow))


@pytest.mark.parametrize(
    ("shape", "steps"), [((1, 16, 96), 48), ((3, 32, 101), 26), ((1, 8, 9), 5), ((1, 64, 200), 50)]
)
def test_the_network_takes_a_step_per_few_pixels(shape: tuple[int, int, int], steps: int) -> None:
    assert build("line-crnn", shape, 27)(torch.zeros(2, *shape)).shape == (2, steps, 27)


def test_a_network_of_classes_is_refused() -> None:
    with pytest.raises(UserError, match=r"'small-resnet' gives float32 \[2, 27\] for 2 lines"):
        line_network_notes("small-resnet", (1, 16, 96), 27)
    assert line_network_notes("line-crnn", (1, 16, 96), 27, smallest_batch=1) == ()


def test_a_network_that_reads_lines_is_refused_for_classes_by_its_task() -> None:
    with pytest.raises(UserError, match="it reads lines, for --task text-lines"):
        dry_forward("line-crnn", (1, 28, 28), 10)


def test_the_task_has_its_functions() -> None:
    assert training_of("text-lines").exam == LineExam.of
    assert outputs_of("text-lines", small_lines()) == len(LETTERS) + 1
