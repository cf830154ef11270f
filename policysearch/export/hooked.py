"""Exports of a library's training hooks around the policy that torchvision's export writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from policysearch.core.tasks import SELF_SUPERVISED
from policysearch.export import to_torchvision
from policysearch.export.bundle import assemble
from policysearch.export.lossy import Source, head, without_masks
from policysearch.policy.policy import Policy

_POLICIES = "policysearch.export.templates.torchvision_all"


@dataclass(frozen=True)
class Hooks:
    """A library's part of an exported file.

    Attributes:
        template: the module that has its classes.
        libraries: distributions whose installed versions are stated.
        note: on what differs from the library's own way.
    """

    template: str
    libraries: tuple[str, ...]
    note: str


def of_single_views(policy: Policy, library: str) -> tuple[Policy, list[str]]:
    """The policy as far as torchvision's file has it, without the weight of pairs of views, and what is lost."""
    policy, losses = without_masks(policy, library)
    if policy.pair is not None or policy.about.get("task") == SELF_SUPERVISED:
        losses.append(f"two views with a weight for the pair are not written for {library}: one view per image is")
        about = {key: value for key, value in policy.about.items() if key != "task"}
        policy = policy.model_copy(update={"pair": None, "about": about})
    expressed, lost = to_torchvision.expressible(policy)
    return expressed, [*losses, *lost]


def text(policy: Policy, source: Source | None, hooks: Hooks, use: Sequence[str], tail: Sequence[str]) -> str:
    """The text of a file that has the policy and what a library needs to train with it.

    Args:
        policy: one that torchvision's file can express.
        source: where it comes from, and what of it is left out.
        hooks: the library's part.
        use: lines of code for the file's docstring.
        tail: definitions after the policy's own.
    """
    definitions, policy_tail = to_torchvision.parts(policy)
    doc = head(policy, source, hooks.libraries, use, [to_torchvision.SEEDS, hooks.note])
    return assemble(_POLICIES, definitions, doc, [*policy_tail, *tail], [hooks.template])
