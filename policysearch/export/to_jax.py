"""Policies as a Python file of pure functions for JAX."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from policysearch.export.array_plan import ArrayLibrary, ArrayPlan, executed
from policysearch.export.array_plan import expressible as expressible_in_arrays
from policysearch.export.lossy import Source, head
from policysearch.policy.policy import Policy

LIBRARY = ArrayLibrary("jax", "jax_policy", "array_library_jax")
_NOTE = (
    "All is drawn from the key: the same key, the same images. Each operation is computed for the whole batch, and "
    "taken by the images that it was drawn for. Pixels are computed in float32: compiled, values may differ by 1 "
    "from those searched with, and of perspectives and turns a few places that fall between two pixels."
)
_IMAGES = '''def augment(key: Any, images: Any, progress: Any = 0.0) -> jax.Array:
    """uint8 [B, H, W, C] or [H, W, C] by the policy above, a draw for each image.

    `progress` is the share of the training done, in [0, 1].
    """
    return images_after(TABLE, MIXTURE, key, images, progress)
'''
_BATCH = '''def soft_augment(
    key: Any, images: Any, labels: Any, num_classes: int, progress: Any = 0.0
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """uint8 [B, H, W, C] with labels [B]: images, targets [B, num_classes] and weights [B] of the search.

    `num_classes` is static. A loss is the mean of weights · KL(targets || softmax).
    """
    return batch_after(TABLE, MIXTURE, SOFTENING, MIXES, key, images, labels, num_classes, progress)
'''


def expressible(policy: Policy) -> tuple[Policy, list[str]]:
    """The policy as far as the file can express it, and what is lost."""
    return expressible_in_arrays(policy, "jax")


def live(policy: Policy, num_classes: int | None = None) -> Callable[..., Any]:
    """A function of the exported file: (key, images, progress) -> images.

    Args:
        policy: one that the file can express.
        num_classes: where it is not None, the function is (key, images, labels, progress) -> images, targets, weights.
    """
    plan = ArrayPlan(policy)
    tail = [_IMAGES] if num_classes is None else [_IMAGES, _BATCH]
    module = executed(plan.written(LIBRARY, "", tail, soft=num_classes is not None), f"jax_policy_{policy.hash}")
    function: Callable[..., Any] = module.augment
    return function if num_classes is None else partial(module.soft_augment, num_classes=num_classes)


def write(policy: Policy, name: str, source: Source | None = None) -> str:
    """The text of the exported file.

    Args:
        policy: one that the file can express.
        name: what the file is imported as.
        source: where the policy comes from, and what of it is left out.
    """
    plan = ArrayPlan(policy)
    use = [
        f"from {name} import augment",
        "augment = jax.jit(augment)",
        "key, of_batch = jax.random.split(key)",
        "images = augment(of_batch, images) / 255  # uint8 [B, H, W, C]",
    ]
    if plan.is_soft:
        use = [
            f"from {name} import soft_augment",
            "soft_augment = jax.jit(soft_augment, static_argnames='num_classes')",
            "key, of_batch = jax.random.split(key)",
            "images, targets, weights = soft_augment(of_batch, images, labels, num_classes=10)  # uint8 [B, H, W, C]",
            "value = (weights * optax.losses.kl_divergence(jax.nn.log_softmax(logits), targets)).mean()",
        ]
    if policy.stages:
        use.append("# with progress=epoch / epochs in each call")
    doc = head(policy, source, ("jax",), use, [_NOTE])
    return plan.written(LIBRARY, doc, [_IMAGES, _BATCH] if plan.is_soft else [_IMAGES], soft=plan.is_soft)
