"""Operations and mixes of lines in other libraries: what is written, and what is refused with its reason."""

from __future__ import annotations

import pytest
import torch
from torchvision import tv_tensors

from policysearch.augmentation.apply import track
from policysearch.augmentation.kernels.fiducials import WARPS
from policysearch.augmentation.kernels.registry import ALONG_LINES
from policysearch.augmentation.sampling import Draw
from policysearch.core.errors import UserError
from policysearch.export.registry import export_to
from policysearch.export.to_torchvision import live, write
from policysearch.policy.mixes import LINE_MIXES, Mix
from policysearch.policy.policy import Policy, Stage
from policysearch.policy.presets import preset
from policysearch.policy.steps import SubPolicy
from tests.support.exports import imported, policy, real
from tests.support.pictures import policy_of, some_step


@pytest.mark.parametrize("name", sorted(WARPS))
def test_masks_bend_with_the_image_and_boxes_are_refused(name):
    transform = live(policy_of(some_step(name)))
    image = tv_tensors.Image(real(1, 1)[0])
    mask = tv_tensors.Mask(torch.arange(28 * 28).view(1, 28, 28))
    torch.manual_seed(1)
    _, bent = transform(image, mask)
    torch.manual_seed(1)
    (step,) = live(policy_of(some_step(name))).draw()
    one = torch.ones(1, 1).long()
    drawn = Draw(("identity", name), one, step.magnitude.view(1, 1), step.numbers.view(1, 1, -1))
    assert isinstance(bent, tv_tensors.Mask) and torch.equal(bent[None], track(drawn, mask[None], 0))
    boxes = tv_tensors.BoundingBoxes([[1, 2, 9, 9]], format="XYXY", canvas_size=(28, 28))
    with pytest.raises(TypeError, match="boxes cannot follow the bends of a line"):
        transform(image, boxes)


def test_the_file_of_tia_needs_nothing_of_this_program(tmp_path):
    path = tmp_path / "line_policy.py"
    path.write_text(write(preset("tia"), "line_policy"), encoding="utf-8")
    assert "policysearch." not in path.read_text().partition('"""\n')[2]
    transform = imported(path, "line_policy").LearnedPolicy()
    torch.manual_seed(0)
    assert not torch.equal(transform(real(1)), real(1))


@pytest.mark.parametrize("library", ["torchvision", "timm", "kornia", "albumentations"])
@pytest.mark.parametrize("name", sorted(LINE_MIXES))
def test_mixes_of_strings_are_refused_by_every_library(name, library, tmp_path):
    pytest.importorskip(library)
    late = Stage(start=0.5, sub_policies=(SubPolicy(),), mix=Mix(operation=name))
    for mixed in (policy_of(mix=Mix(operation=name)), Policy(sub_policies=(SubPolicy(),), stages=(late,))):
        if library != "torchvision" and mixed.mix is None:
            continue  # other libraries know no stages at all
        with pytest.raises(UserError, match=f"{name} mixes the strings of lines too"):
            export_to(mixed, library, tmp_path / "p.py", allow_loss=False, force=False)
    assert not list(tmp_path.iterdir())
    export_to(policy_of(mix=Mix(operation=name)), "json", tmp_path / "p.json", allow_loss=False, force=False)
    assert Policy.load(tmp_path / "p.json").mix.operation == name


@pytest.mark.parametrize("name", sorted(ALONG_LINES))
def test_albumentations_names_what_is_nearest(name):
    pytest.importorskip("albumentations")
    with pytest.raises(UserError, match=f"albumentations has no {name}: its "):
        policy(some_step(name).model_dump()).to_albumentations()
