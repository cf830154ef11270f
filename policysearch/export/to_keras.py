"""Policies as a Python file of layers of Keras 3, for its backends torch, JAX and TensorFlow."""

from __future__ import annotations

from typing import Any

from policysearch.export.array_plan import ArrayLibrary, ArrayPlan, executed
from policysearch.export.array_plan import expressible as expressible_in_arrays
from policysearch.export.lossy import Source, head
from policysearch.policy.policy import Policy

LIBRARY = ArrayLibrary("keras", "keras_policy", "array_library_keras")
_NOTE = (
    "Images are 0..255, uint8 or floats, before any rescaling; outside of training they stay as they are. Draws come "
    "from the layer's own seed generator: LearnedPolicy(seed=0), or keras.utils.set_random_seed before the layer is "
    "made, repeats them; worker processes draw apart. Pixels are computed in float32: compiled, values may differ by 1 "
    "from those searched with, and of perspectives and turns a few places that fall between two pixels."
)
_LAYER = '''@keras.saving.register_keras_serializable(package="{package}")
class LearnedPolicy(PolicyLayer):
    """The policy above{progress}."""

    def parts(self) -> tuple[Table, Any]:
        return TABLE, MIXTURE
'''
_SOFT_LAYER = '''@keras.saving.register_keras_serializable(package="{package}")
class SoftLearnedPolicy(SoftPolicyLayer):
    """`LearnedPolicy` with the targets and weights that it was found with."""

    def parts(self) -> tuple[Table, Any]:
        return TABLE, MIXTURE

    def soft_parts(self) -> tuple[Any, Sequence[Any]]:
        return SOFTENING, MIXES
'''
_PROGRESS = "; set `progress.assign` to the share of the training done"


def expressible(policy: Policy) -> tuple[Policy, list[str]]:
    """The policy as far as the file can express it, and what is lost."""
    return expressible_in_arrays(policy, "keras")


def live(policy: Policy, num_classes: int | None = None, seed: int | None = None) -> Any:
    """A layer of the exported file.

    Args:
        policy: one that the file can express.
        num_classes: None for `LearnedPolicy`, otherwise for `SoftLearnedPolicy`.
        seed: of its draws; None: of keras.utils.set_random_seed, or another each time.
    """
    name = f"keras_policy_{policy.hash}"
    is_soft = num_classes is not None
    module = executed(ArrayPlan(policy).written(LIBRARY, "", _layers(policy, name, is_soft), soft=is_soft), name)
    return module.LearnedPolicy(seed) if num_classes is None else module.SoftLearnedPolicy(num_classes, seed=seed)


def write(policy: Policy, name: str, source: Source | None = None) -> str:
    """The text of the exported file.

    Args:
        policy: one that the file can express.
        name: what the file is imported as.
        source: where the policy comes from, and what of it is left out.
    """
    plan = ArrayPlan(policy)
    use = [
        f"from {name} import LearnedPolicy",
        "model = keras.Sequential([keras.Input((32, 32, 3)), LearnedPolicy(), keras.layers.Rescaling(1 / 255), ...])",
    ]
    if plan.is_soft:
        use = [
            f"from {name} import SoftLearnedPolicy",
            "policy = SoftLearnedPolicy(num_classes=10)",
            "images, targets, weights = policy((images, labels))  # uint8 [B, H, W, C], in the data set's batches",
            "model.compile(loss=keras.losses.CategoricalCrossentropy(from_logits=True), ...)  # the gradient of KL",
        ]
    if policy.stages:
        use.append("policy.progress.assign(epoch / epochs)  # before each epoch")
    doc = head(policy, source, ("keras",), use, [_NOTE])
    return plan.written(LIBRARY, doc, _layers(policy, name, plan.is_soft), soft=plan.is_soft)


def _layers(policy: Policy, package: str, is_soft: bool) -> list[str]:
    layer = _LAYER.format(package=package, progress=_PROGRESS if policy.stages else "")
    return [layer, *([_SOFT_LAYER.format(package=package)] if is_soft else [])]
