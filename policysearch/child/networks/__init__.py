"""Child networks: built-in, of torchvision and timm, of the user; and the numbers their sources train them with."""

from policysearch.child.network_registry import NETWORKS, OTHERS, USER_DEFINED, Network, network_row, recipe_for
from policysearch.child.networks.factory import build
from policysearch.child.networks.first_step import memory_format_of
from policysearch.child.networks.probe import dry_forward
from policysearch.child.networks.quick_resnet import QuickResNet
from policysearch.child.networks.small_resnet import SmallResNet
from policysearch.child.networks.wide_resnet import WideResNet

__all__ = [
    "NETWORKS",
    "OTHERS",
    "USER_DEFINED",
    "Network",
    "QuickResNet",
    "SmallResNet",
    "WideResNet",
    "build",
    "dry_forward",
    "memory_format_of",
    "network_row",
    "recipe_for",
]
