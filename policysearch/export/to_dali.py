"""Policies as a Python file of a part of a pipeline of NVIDIA's DALI."""

from __future__ import annotations

from typing import Any

from policysearch.export.array_plan import executed
from policysearch.export.bundle import assemble
from policysearch.export.codegen import rendered
from policysearch.export.lossy import Source, altered, head, in_order, own_operation, replaced, unsupported
from policysearch.export.torchvision_plan import Plan
from policysearch.policy.policy import Policy
from policysearch.policy.steps import Step

_TEMPLATES = "policysearch.export.templates.dali_policy"
_OTHERS = tuple(f"policysearch.export.templates.{name}" for name in ("dali_operations", "array_steps"))
OPERATIONS = frozenset(
    {
        "identity", "rotate", "shear-x", "shear-y", "translate-x", "translate-y", "translate-x-pixels",
        "translate-y-pixels", "flip-horizontal", "flip-vertical", "pad-and-crop", "resized-crop", "cutout",
        "random-erasing", "brightness", "contrast", "color", "hue", "grayscale", "sharpness", "posterize", "solarize",
        "solarize-add", "invert", "autocontrast", "equalize", "gaussian-blur",
    }
)  # fmt: skip
_NOTE = (
    "Images are uint8 RGB [H, W, C] with sides of 3 pixels or more, as fn.decoders.image gives them; the pipeline has "
    "enable_conditionals=True. Draws come from the pipeline's seed: pipeline_def(seed=0) repeats them, and each image "
    "has a draw of its own."
)
_FUNCTION = '''def augment(image: Any) -> Any:
    """uint8 RGB [H, W, C] by the policy above, a draw for each image; in a pipeline with `enable_conditionals=True`."""
    return augmented(image, POLICY)
'''


def expressible(policy: Policy) -> tuple[Policy, list[str]]:
    """The policy as far as DALI can express it, and what is lost."""
    plain, lost = unsupported(policy, "dali")
    ordered, disordered = in_order(plain, "dali")
    expressed, missing = replaced(ordered, _why_not)
    return expressed, [*lost, *disordered, *missing, *altered(expressed, _change)]


def _why_not(step: Step) -> str | None:
    return own_operation(step, "dali") or (
        None if step.operation in OPERATIONS else f"{step.operation} is not written for dali"
    )


def _change(step: Step) -> str | None:
    return (
        "DALI equalizes by OpenCV's formula, another operation where many pixels have one value"
        if step.operation == "equalize"
        else None
    )


def live(policy: Policy) -> Any:
    """`augment` of the exported file: a function of an image in a pipeline with `enable_conditionals=True`."""
    return executed(write(policy, "learned_policy"), f"dali_policy_{policy.hash}").augment


def write(policy: Policy, name: str, source: Source | None = None) -> str:
    """The text of the exported file.

    Args:
        policy: one that DALI can express.
        name: what the file is imported as.
        source: where the policy comes from, and what of it is left out.
    """
    use = [
        f"from {name} import augment",
        "@pipeline_def(batch_size=128, num_threads=4, device_id=None, seed=0, enable_conditionals=True)",
        "def training():",
        "    files, labels = fn.readers.file(file_root=folder, random_shuffle=True)",
        "    images = fn.resize(fn.decoders.image(files), size=(224, 224))",
        "    return augment(images), labels",
    ]
    ((_, sub_policies),) = Plan(policy).stages
    doc = head(policy, source, ("nvidia-dali-cuda120", "nvidia-dali-cuda130"), use, [_NOTE])
    data = f"POLICY = {rendered(sub_policies, used=9)}"
    return assemble(_TEMPLATES, {}, doc, [data, _FUNCTION], _OTHERS)
