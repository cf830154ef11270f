"""ResNet-18 for small images."""

from __future__ import annotations

from torch import nn


def cifar_resnet18(channels: int, classes: int) -> nn.Module:
    """ResNet-18 (He et al. 2016) as DeVries & Taylor 2017 train it on CIFAR: the stem is one 3×3 convolution of
    stride 1, and no pooling follows it.

    [B, channels, H, W] float32 -> logits [B, classes]. All but the stem is torchvision's.
    """
    from torchvision.models import resnet18

    network: nn.Module = resnet18(num_classes=classes)
    stem = nn.Conv2d(channels, 64, 3, 1, 1, bias=False)
    nn.init.kaiming_normal_(stem.weight, mode="fan_out", nonlinearity="relu")
    network.conv1, network.maxpool = stem, nn.Identity()
    return network
