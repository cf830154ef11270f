"""Weights of a file put into a network: all but the classifier, or a sentence on what does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from policysearch.child.evaluation_mode import evaluating
from policysearch.child.fine_tuning.blocks import Blocks
from policysearch.child.fine_tuning.stored_weights import StoredWeights
from policysearch.core.errors import UserError

_FEW = 3
_COUNTER = "num_batches_tracked"
"""A buffer of norms that old files lack, and that says nothing."""
_AVERAGES = "n_averaged"
"""What torch's `AveragedModel` counts, besides the weights."""
_HELPERS = ("aux", "AuxLogits", "head_dist", "fc_aux")
"""Beginnings of names of outputs that only help a training, and that the network here is made without."""


@dataclass(frozen=True)
class FittedWeights:
    """What a network takes from a file.

    Attributes:
        state: tensors by name, for `load_state_dict`; those of the classifier are not among them.
        notes: what a person should know of it, a sentence each.
    """

    state: Mapping[str, Tensor]
    notes: tuple[str, ...] = ()


def fitted(stored: StoredWeights, network: nn.Module, blocks: Blocks, file: str, model: str) -> FittedWeights:
    """Match the weights of a file with those of a network.

    Prefixes that wrappers put before every name (`module.`, `_orig_mod.`, `model.`) are taken off, and what torch's
    `AveragedModel` counts besides. A first convolution of three channels is summed for grey images, as if grey were
    repeated; one of grey is shared among three.

    Args:
        stored: of the file.
        network: untrained.
        blocks: of the network; the last is the classifier.
        file, model: their names, for messages.

    Returns:
        What the network takes.

    Raises:
        UserError: the file lacks a weight, has one that the network lacks, or one of another shape.
    """
    classifier = f"{blocks[-1][0]}."
    state = {name: value for name, value in network.state_dict().items() if isinstance(value, Tensor)}
    backbone = {name: value for name, value in state.items() if not name.startswith(classifier)}
    tensors = _without_prefix(stored.tensors, backbone)
    tensors = {name: value for name, value in tensors.items() if not name.startswith(classifier)}
    tensors = {name: value for name, value in tensors.items() if name in state or not name.startswith(_HELPERS)}

    stem = next((name for name, value in backbone.items() if value.dim() == 4), "")
    tensors, notes = _with_channels_of(backbone, tensors, stem, file)
    mistakes = [*_mistakes(tensors, backbone)]
    if mistakes:
        advice = "give the --model and --resize that they were trained with"
        if any(name in backbone and not value.numel() for name, value in tensors.items()):
            advice = "a training cut among processes leaves empty tensors: gather its weights before they are saved"
        if stored.model and stored.model != model:
            advice = f"they are of --model {stored.model}"
        place = f" (under {stored.key!r})" if stored.key and stored.others else ""
        raise UserError(f"weights {file!r}{place} do not fit {model}: {'; '.join(mistakes)}: {advice}")
    notes = (*_choice(stored, file), *notes)
    return FittedWeights({name: tensors[name] for name in backbone if name in tensors}, notes)


def must_answer_in_numbers(network: nn.Module, images: Tensor, file: str, model: str) -> None:
    """Refuse weights that are finite each, and make answers that are not.

    Args:
        network: with the weights.
        images: [B, C, H, W] float32, as normalised ones are.
        file, model: their names, for the message.

    Raises:
        UserError: some answer is not finite.
    """
    with torch.no_grad(), evaluating(network):
        answers: Tensor = network(images)
    if not bool(answers.isfinite().all()):
        raise UserError(
            f"{model} with the weights {file!r} answers {answers[~answers.isfinite()][0].item():g} to ordinary images, "
            "and answers must be finite: the training that made them diverged, or they are damaged"
        )


def _choice(stored: StoredWeights, file: str) -> tuple[str, ...]:
    """Which weights of a file with several were taken, a sentence."""
    if not stored.others:
        return ()
    kind = "a moving average, " if stored.is_averaged else ""
    others = " and ".join(map(repr, stored.others))
    return (f"weights {file!r} has several: those under {stored.key!r} are taken, {kind}and not those under {others}",)


def _without_prefix(tensors: Mapping[str, Tensor], backbone: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors, without first parts of their names that all of them share and the network does not have."""
    names = {name: value for name, value in tensors.items() if name in backbone or name != _AVERAGES}
    while names and not backbone.keys() & names.keys():
        first = {name.partition(".")[0] for name in names}
        if len(first) != 1 or not all(name.partition(".")[2] for name in names):
            return dict(tensors)
        names = {name.partition(".")[2]: value for name, value in names.items()}
    return names


def _with_channels_of(
    backbone: Mapping[str, Tensor], tensors: dict[str, Tensor], stem: str, file: str
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The tensors with a first convolution for as many channels as the images have."""
    if stem not in tensors or tensors[stem].dim() != 4:
        return tensors, ()
    kernel, shape = tensors[stem], backbone[stem].shape
    same = kernel.shape[0] == shape[0] and kernel.shape[2:] == shape[2:]
    channels = kernel.shape[1], shape[1]
    if not same or channels not in ((1, 3), (3, 1)):
        return tensors, ()
    if channels == (3, 1):
        note = f"weights {file!r} are for coloured images: {stem} is summed over its channels for grey ones"
        return {**tensors, stem: kernel.sum(1, keepdim=True)}, (note,)
    note = f"weights {file!r} are for grey images: a third of {stem} is taken for each channel of coloured ones"
    return {**tensors, stem: kernel.expand(-1, 3, -1, -1) / 3}, (note,)


def _mistakes(tensors: Mapping[str, Tensor], backbone: Mapping[str, Tensor]) -> list[str]:
    """What does not fit, a clause each."""
    missing = [name for name in backbone if name not in tensors and not name.endswith(_COUNTER)]
    unknown = [name for name in tensors if name not in backbone]
    common = [name for name in backbone if name in tensors]
    others = [name for name in common if tensors[name].shape != backbone[name].shape]
    whole = [name for name in common if backbone[name].is_floating_point() and not tensors[name].is_floating_point()]
    types = [f"{name} holds whole numbers ({str(tensors[name].dtype).removeprefix('torch.')})" for name in whole]
    sizes = [f"{name} is {[*tensors[name].shape]} and not {[*backbone[name].shape]}" for name in others]
    clauses = (
        f"they lack {_listed(missing)}" if missing else "",
        f"the network lacks their {_listed(unknown)}" if unknown else "",
        _listed(sizes),
        _listed(types),
    )
    return [clause for clause in clauses if clause]


def _listed(names: list[str]) -> str:
    """The first few, and how many more there are."""
    shown = ", ".join(names[:_FEW])
    return f"{shown} and {len(names) - _FEW} more" if len(names) > _FEW else shown
