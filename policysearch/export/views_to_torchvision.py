"""Test-time policies as a Python file that needs only torch and torchvision, and as live modules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from policysearch.core.version import __version__
from policysearch.export.bundle import assemble
from policysearch.export.codegen import Call, Name, quoted, rendered
from policysearch.export.lossy import built, wrapped
from policysearch.policy.tta import TtaPolicy, View, ViewStep

_TEMPLATES = "policysearch.export.templates.torchvision_all"
_CLASS = '''class TestTimeViews(ViewsTransform):
    """The views above, and the mean of what a network predicts for them."""

    __test__ = False

    def __init__(self) -> None:
        super().__init__(VIEWS, TEMPERATURE)
'''
_USE = (
    "from {name} import TestTimeViews",
    "tta = TestTimeViews()",
    "views = tta(image)  # PIL or uint8 [C, H, W] -> uint8 [V, C, H, W]; [B, C, H, W] -> [B, V, C, H, W]",
    "logits = network(normalise(views.flatten(0, 1))).unflatten(0, views.shape[:2])  # of a batch",
    "probabilities = tta.average(logits)  # [B, classes]",
)
_NOTE = (
    "Needs torchvision 0.21 or newer. Nothing is drawn, so the same image has the same views. The temperature fits "
    "networks of the same kind, trained in the same way: fit it again for others, on images that are not for testing."
)


def live(policy: TtaPolicy) -> Any:
    """The class of the exported file as an object: what is judged is what is exported."""
    return built(Call("ViewsTransform", [_views(policy.views), policy.temperature]), _TEMPLATES)


def live_views(views: Sequence[View]) -> list[list[Any]]:
    """The steps of views as the exported file has them, for its `view_of`; a test-time policy holds fewer views."""
    steps: list[list[Any]] = built(_views(views), _TEMPLATES)
    return steps


def write(policy: TtaPolicy, name: str) -> str:
    """The text of the exported file.

    Args:
        policy: to be written.
        name: what the file is imported as.
    """
    tail = [
        f"VIEWS: list[list[ViewStep]] = {rendered(_views(policy.views), used=32)}",
        f"TEMPERATURE = {policy.temperature!r}",
        _CLASS,
    ]
    return assemble(_TEMPLATES, {}, _head(policy, name), tail)


def _views(views: Sequence[View]) -> list[list[Call]]:
    return [[_step(step) for step in view.steps] for view in views]


def _step(step: ViewStep) -> Call:
    arguments: list[object] = [Name(step.operation.replace("-", "_"))]
    if step.magnitude or step.numbers:
        arguments.append(step.magnitude)
    if step.numbers:
        arguments.append(tuple(step.numbers))
    return Call("ViewStep", arguments)


def _head(policy: TtaPolicy, name: str) -> str:
    """The docstring of the file: what it is, what was found of it, how it is used."""
    count = len(policy.views)
    title = f"{policy.name or 'A test-time policy'}: {count} view{'s' * (count > 1)} of every image, averaged."
    facts = f"Test-time policy {policy.hash}, written by policysearch {__version__}."
    verdict = [f"{policy.about['verdict']}."] if policy.about.get("verdict") else []
    use = "\n".join(f"    {line.format(name=name)}" for line in _USE)
    views = "\n".join(f"- {quoted(view.words)}" for view in policy.views)
    return "\n\n".join([*map(wrapped, (title, facts, *verdict)), use, wrapped(_NOTE), views])
