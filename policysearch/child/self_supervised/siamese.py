"""SimSiam: a backbone with a projection and a prediction head (Chen & He 2021)."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from policysearch.child.self_supervised.backbone import without_classifier

_WIDEST, _TIMES, _BOTTLENECK = 2048, 4, 4


class Siamese(nn.Module):
    """A backbone f with its heads: images [B, C, H, W] float32 -> [B, 2d] float, projections z and predictions p.

    Chen & He 2021, sections 3 and D: the projection head has two layers, as theirs for CIFAR, with batch norm after
    both and ReLU after the first; the prediction head has a bottleneck of d / 4 with batch norm and ReLU. d is four
    times the number of features, 2,048 at most: theirs for a ResNet-18.

    Args:
        backbone: images -> features [B, width].
        width: features of an image.

    Attributes:
        backbone: what is judged.
        size: d.
    """

    def __init__(self, backbone: nn.Module, width: int) -> None:
        super().__init__()
        self.size = min(_WIDEST, _TIMES * width)
        self.backbone = backbone
        self.projection = nn.Sequential(
            nn.Linear(width, self.size, bias=False),
            nn.BatchNorm1d(self.size),
            nn.ReLU(),
            nn.Linear(self.size, self.size, bias=False),
            nn.BatchNorm1d(self.size),
        )
        self.prediction = nn.Sequential(
            nn.Linear(self.size, self.size // _BOTTLENECK, bias=False),
            nn.BatchNorm1d(self.size // _BOTTLENECK),
            nn.ReLU(),
            nn.Linear(self.size // _BOTTLENECK, self.size),
        )

    def forward(self, images: Tensor) -> Tensor:
        projected = self.projection(self.backbone(images))
        return torch.cat([projected, self.prediction(projected)], 1)


class BothViews(nn.Module):
    """A Siamese network that holds two passes at once, as a training step does: what its memory is measured with."""

    def __init__(self, network: Siamese) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        out: Tensor = self.network(images) + self.network(images.flip(0))
        return out


def siamese(factory: Callable[[], nn.Module], shape: tuple[int, int, int]) -> Siamese:
    """An untrained Siamese network; its first weights come from torch's global generator.

    Args:
        factory: makes the network whose classifier is left out.
        shape: channels, height, width of an image.

    Raises:
        UserError: as `without_classifier`.
    """
    return Siamese(*without_classifier(factory(), shape))


@torch.no_grad()
def projections(network: Siamese, features: Tensor) -> Tensor:
    """[N, d] float: the projections z of features [N, D] as in training, by the statistics of all of them together.

    Running statistics lag behind in short trainings, where all outputs would have an offset in common.

    Args:
        network: it is left as it is.
        features: of images, N of 2 or more.
    """
    head = copy.deepcopy(network.projection).train()
    outputs: Tensor = head(features)
    return outputs


def pair_loss(first: Tensor, second: Tensor, weights: Tensor) -> Tensor:
    """Mean over the pairs of w · ½ (D(p₁, z₂) + D(p₂, z₁)), D the negative cosine, the z without gradient.

    Chen & He 2021, equation 2 and algorithm 1, with the pair's weight of Liu et al. 2023, section 4.4.

    Args:
        first: [B, 2d] float, projections and predictions of the first views.
        second: of the second ones.
        weights: [B] float, 0 or more, of mean 1.

    Returns:
        [] float, in [-1, 1] where the weights' mean is 1.

    Example:
        >>> first, second = torch.tensor([[1.0, 0.0, 0.0, 1.0]]), torch.tensor([[0.0, 1.0, 0.0, 1.0]])
        >>> pair_loss(first, second, torch.ones(1)).item()  # p₁ is z₂, and p₂ is at a right angle to z₁
        -0.5
    """
    (z_first, p_first), (z_second, p_second) = first.chunk(2, 1), second.chunk(2, 1)
    similarity = F.cosine_similarity(p_first, z_second.detach()) + F.cosine_similarity(p_second, z_first.detach())
    return -(weights * similarity).mean() / 2
