"""The blocks of the guide page on trainers are run with the real libraries."""

from __future__ import annotations

import pytest
import torch
from torchvision.transforms.v2.functional import to_pil_image

from policysearch.export.registry import export_to
from policysearch.policy.policy import Policy
from tests.support.exports import real
from tests.support.markdown import python_pages

PAGE = "export-training"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("library", "file"), [("transformers", "huggingface"), ("lightning", "lightning")])
def test_the_block_of_each_library_trains(library, file, tmp_path, monkeypatch):
    pytest.importorskip(library)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    export_to(Policy.preset("soft-crop"), file, tmp_path / f"{file}_policy.py", False, False)
    (block,) = (text for text in python_pages()[PAGE] if f"{file}_policy" in text)
    names: dict[str, object] = {"data": columns()} if file == "huggingface" else {}
    torch.manual_seed(0)
    exec(compile(block, PAGE, "exec"), names)
    steps = names["result"].global_step if file == "huggingface" else names["lightning_trainer"].global_step
    assert steps == 2


def columns() -> object:
    """A data set of 16 images with the columns image and label."""
    datasets = pytest.importorskip("datasets")
    pytest.importorskip("accelerate")
    return datasets.Dataset.from_dict(
        {"image": [to_pil_image(image) for image in real(3, 16)], "label": [i % 10 for i in range(16)]},
        features=datasets.Features({"image": datasets.Image(), "label": datasets.Value("int64")}),
    )
