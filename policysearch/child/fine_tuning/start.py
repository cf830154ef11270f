"""What the networks of an experiment begin with, as a value that workers anywhere can be given; no torch at the top."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from policysearch.child.fine_tuning.normalisation import Normalisation, parse_normalisation
from policysearch.child.fine_tuning.published import PUBLISHED, published_normalisation
from policysearch.core.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from policysearch.child.device_data import DeviceData
    from policysearch.child.fine_tuning.backbone import FittedWeights
    from policysearch.child.fine_tuning.blocks import Blocks
    from policysearch.child.fine_tuning.stored_weights import StoredWeights

Shape = tuple[int, int, int]
"""Channels, height and width of an image."""


@dataclass(frozen=True)
class Start:
    """The weights that every network of an experiment begins with.

    Attributes:
        path: of their file.
        digest: of its content; every worker checks it.
        normalisation: as `--normalisation` takes it; None: as the weights were trained.
        content: the file's bytes, for workers that do not reach it.

    Example:
        >>> start = Start("weights.pt", "0" * 12)
        >>> start.name, start.portable
        ('weights.pt', False)
    """

    path: str
    digest: str
    normalisation: str | None = None
    content: bytes | None = field(default=None, repr=False)

    @classmethod
    def of(cls, path: str | None, normalisation: str | None = None) -> Start | None:
        """The start of a setting `--weights`; None without one.

        Raises:
            UserError: the file cannot be read.
        """
        if path is None:
            return None
        return cls(path, digest_of(_content(path)), normalisation)

    @property
    def name(self) -> str:
        """The file's name, for messages."""
        return Path(self.path).name

    @property
    def portable(self) -> bool:
        """Whether workers need not reach the file."""
        return self.content is not None

    def shipped(self) -> Start:
        """The same with the file's content, for workers elsewhere.

        Raises:
            UserError: the file cannot be read, or has changed.
        """
        return replace(self, content=self._bytes())

    def stored(self) -> StoredWeights:
        """Read the file.

        Raises:
            UserError: it cannot be read, has changed, or holds no weights.
        """
        from policysearch.child.fine_tuning.stored_weights import read_weights

        return read_weights(self._bytes(), self.name)

    def _bytes(self) -> bytes:
        content = _content(self.path) if self.content is None else self.content
        if digest_of(content) != self.digest:
            raise UserError(f"weights {self.name!r} have changed since the experiment began: put the file back")
        return content


@dataclass(frozen=True)
class Tuned:
    """Makes networks that begin with weights: the factory of a fine-tuned child.

    The classifier keeps the random weights that `make` gave it.

    Attributes:
        make: makes the untrained network.
        state: all but the classifier's weights.
        blocks: of the network.
    """

    make: Callable[[], nn.Module]
    state: Mapping[str, Tensor]
    blocks: Blocks

    def __call__(self) -> nn.Module:
        from policysearch.child.fine_tuning.blocks import with_blocks

        network = self.make()
        network.load_state_dict(dict(self.state), strict=False)
        return with_blocks(network, self.blocks)


def network_factory(
    model: str, shape: Shape, outputs: int, start: Start | None = None
) -> tuple[Callable[[], nn.Module], Normalisation | None]:
    """What makes the networks of an experiment, and how their inputs are normalised.

    Torch's global generator is left as it was.

    Args:
        model: as `--model` takes it.
        shape: of an image.
        outputs: classes.
        start: the weights that they begin with; None: random ones.

    Returns:
        The factory, and the normalisation; None for that of the data.

    Raises:
        UserError: the network cannot be made, or the weights do not fit it.
    """
    from policysearch.child.networks.factory import build

    make = partial(build, model, shape, outputs)
    if start is None:
        return make, None
    stored = start.stored()
    weights, blocks = _matched(start, stored, make, model, shape)
    return Tuned(make, weights.state, blocks), _normalisation(start, stored, model, shape[0])


def _matched(
    start: Start, stored: StoredWeights, make: Callable[[], nn.Module], model: str, shape: Shape
) -> tuple[FittedWeights, Blocks]:
    import torch

    from policysearch.child.fine_tuning.backbone import fitted
    from policysearch.child.fine_tuning.blocks import blocks_in_order

    with torch.random.fork_rng(devices=[]):
        network = make()
        try:
            blocks = blocks_in_order(network, torch.zeros(2, *shape))
        except UserError as error:
            raise UserError(f"model {model!r}: {error}") from None
    return fitted(stored, network, blocks, start.name, model), blocks


def _must_answer(factory: Tuned, start: Start, model: str, shape: Shape) -> None:
    import torch

    from policysearch.child.fine_tuning.backbone import must_answer_in_numbers

    images = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
    with torch.random.fork_rng(devices=[]):
        must_answer_in_numbers(factory(), images, start.name, model)


def _normalisation(start: Start, stored: StoredWeights, model: str, channels: int) -> Normalisation | None:
    """That which is set, or else that of the file, or else that of the library's own weights."""
    if start.normalisation is not None:
        normalisation = parse_normalisation(start.normalisation)
    else:
        normalisation = stored.normalisation or published_normalisation(model)
    return normalisation and normalisation.for_channels(channels)


def with_normalisation(data: DeviceData, normalisation: Normalisation | None) -> DeviceData:
    """The data with inputs normalised in this way; None leaves their own."""
    if normalisation is None:
        return data
    values: dict[str, Any] = {
        name: data.mean.new_tensor(numbers)[None, :, None, None]
        for name, numbers in (("mean", normalisation.mean), ("std", normalisation.std))
    }
    return replace(data, **values)


def start_notes(model: str, shape: Shape, outputs: int, start: Start, frozen: int) -> tuple[str, ...]:
    """Try the weights on the network.

    Args:
        model, shape, outputs, start: as for `network_factory`.
        frozen: the recipe's first blocks that stay as they are.

    Returns:
        What a person should know of them, a sentence each.

    Raises:
        UserError: they do not fit, they make no finite answers, or there are not as many blocks.
    """
    from policysearch.child.networks.factory import build

    stored, make = start.stored(), partial(build, model, shape, outputs)
    weights, blocks = _matched(start, stored, make, model, shape)
    _must_answer(Tuned(make, weights.state, blocks), start, model, shape)
    if frozen >= len(blocks):
        raise UserError(
            f"--frozen must lie in [0, {len(blocks) - 1}], the blocks of {model} before its classifier, got {frozen}"
        )
    if start.normalisation is None and _normalisation(start, stored, model, shape[0]) is None:
        unknown = (
            f"weights {start.name!r} do not say how their inputs were normalised, so it is by the data's own mean and "
            "deviation: --normalisation says otherwise"
        )
        return (*weights.notes, unknown)
    return weights.notes


def digest_of(content: bytes) -> str:
    """A hash of a file's content."""
    return hashlib.sha256(content).hexdigest()[:16]


def must_be_weights(path: str | None, normalisation: str | None, *, layer_decay: float, frozen: int) -> None:
    """Check the settings of fine-tuning as far as that is possible without torch.

    Args:
        path: of the weights, or `published`; None: networks begin with random ones.
        normalisation: as `--normalisation` takes it.
        layer_decay, frozen: of the recipe.

    Raises:
        UserError: there is no such file, the normalisation is none, or a setting needs weights and there are none.
    """
    if normalisation is not None:
        parse_normalisation(normalisation)
    if path is None:
        of_weights = {"normalisation": normalisation is not None, "layer-decay": layer_decay != 1, "frozen": frozen > 0}
        flags = " and ".join(f"--{name}" for name, is_given in of_weights.items() if is_given)
        if flags:
            raise UserError(f"{flags} can only be set with --weights: give these too, or leave it out")
    elif path != PUBLISHED:
        _must_be_a_file(path)


def _must_be_a_file(path: str) -> None:
    if Path(path).is_dir():
        raise UserError(f"weights {path!r} is a folder, and a file of weights is needed")
    _content(path)


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise UserError(f"weights {path!r}: there is no such file") from None
    except (OSError, ValueError) as error:  # the latter for a null byte
        raise UserError(f"weights {path!r} cannot be read: {getattr(error, 'strerror', None) or error}") from None
