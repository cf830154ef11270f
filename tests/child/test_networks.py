"""Networks by name: what they are, what they take, what is refused, and the recipes of their sources."""

from __future__ import annotations

import sys
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from policysearch.child.class_activation import activation_maps
from policysearch.child.networks import (
    NETWORKS,
    OTHERS,
    SmallResNet,
    WideResNet,
    build,
    dry_forward,
    network_row,
    recipe_for,
)
from policysearch.child.recipe import Recipe, smallest_batch
from policysearch.core.errors import UserError
from policysearch.core.trial import Trial
from policysearch.datasets.load import load
from policysearch.experiments.resolve import must_suit, resolved
from policysearch.experiments.search.run import resume, search
from policysearch.policy.policy import Policy
from policysearch.study.config import load_config, make_config
from tests.support.quick import config_for, write_npz
from workers.evaluate import ChildSetup, attempt

SMALL = ("small-resnet", "quick-resnet", "quick-resnet-wide", "wrn-16-4", "wrn-40-2", "resnet-18")

SLOW = pytest.mark.slow


def weights(network) -> int:
    return sum(p.numel() for p in network.parameters())


def unusual_norms(network):
    """A fresh norm does nothing in evaluation; these do."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor in (module.weight, module.bias, module.running_mean):
                torch.nn.init.normal_(tensor, 0.5, 0.2)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
    return network.eval()


def norm(state, name, x):
    mean, var, weight, bias = (state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
    return F.batch_norm(x, mean, var, weight, bias)


@pytest.mark.parametrize(
    ("name", "millions"), [("wrn-16-4", 2.7), ("wrn-40-2", 2.2), ("wrn-28-10", 36.5), ("resnet-18", 11.2)]
)
def test_as_many_weights_as_published(name, millions):
    with torch.device("meta"):
        assert round(weights(build(name, (3, 32, 32), 10)) / 1e6, 1) == millions


@pytest.mark.parametrize(("depth", "width", "channels"), [(16, 4, 3), (40, 2, 1), (28, 10, 3), (10, 1, 1)])
def test_weights_of_wide_residual_nets_by_formula(depth, width, channels):
    sides, blocks = [16, 16 * width, 32 * width, 64 * width], (depth - 4) // 6
    expected = 9 * channels * 16 + 2 * sides[-1] + sides[-1] * 7 + 7
    for inputs, outputs in pairwise(sides):
        convolutions = 9 * inputs * outputs + 9 * outputs**2 * (2 * blocks - 1)
        shortcut = inputs * outputs if inputs != outputs else 0
        expected += convolutions + shortcut + 2 * inputs + 2 * outputs * (2 * blocks - 1)
    with torch.device("meta"):
        assert weights(WideResNet(depth, width, channels, 7)) == expected


def test_wide_residual_net_is_pre_activated():
    """Zagoruyko & Komodakis's block written out: a shortcut that changes shape comes from the first ReLU."""
    network = unusual_norms(WideResNet(16, 2, 3, 10))
    state, x = network.state_dict(), torch.randn(2, 3, 16, 16)
    y = F.conv2d(x, state["stem.weight"], padding=1)
    for group in range(3):
        for block in range(2):
            here = f"groups.{group}.{block}"
            stride = 2 if group and not block else 1
            active = norm(state, f"{here}.norm1", y).relu()
            inner = F.conv2d(active, state[f"{here}.conv1.weight"], stride=stride, padding=1)
            inner = F.conv2d(norm(state, f"{here}.norm2", inner).relu(), state[f"{here}.conv2.weight"], padding=1)
            shortcut = y if block else F.conv2d(active, state[f"{here}.shortcut.weight"], stride=stride)
            y = inner + shortcut
    features = norm(state, "norm", y).relu().mean((2, 3))
    expected = features @ state["head.weight"].T + state["head.bias"]
    assert torch.allclose(network(x), expected, rtol=1e-4, atol=1e-4)


def test_resnet_18_has_the_stem_for_small_images():
    network = unusual_norms(build("resnet-18", (3, 32, 32), 10))
    assert weights(network) == 11_173_962
    state, x = network.state_dict(), torch.randn(2, 3, 16, 16)
    y = norm(state, "bn1", F.conv2d(x, state["conv1.weight"], padding=1)).relu()
    for layer in range(1, 5):
        for block in range(2):
            here = f"layer{layer}.{block}"
            stride = 2 if layer > 1 and not block else 1
            inner = norm(state, f"{here}.bn1", F.conv2d(y, state[f"{here}.conv1.weight"], stride=stride, padding=1))
            inner = norm(state, f"{here}.bn2", F.conv2d(inner.relu(), state[f"{here}.conv2.weight"], padding=1))
            if stride == 2:
                y = F.conv2d(y, state[f"{here}.downsample.0.weight"], stride=2)
                y = norm(state, f"{here}.downsample.1", y)
            y = (inner + y).relu()
    expected = y.mean((2, 3)) @ state["fc.weight"].T + state["fc.bias"]
    assert torch.allclose(network(x), expected, rtol=1e-4, atol=1e-3)


def test_the_small_nets_first_weights_stay_what_they_were():
    """The published searches began with these."""
    torch.manual_seed(3)
    flat = torch.cat([p.detach().flatten() for p in SmallResNet(3, 10).parameters()]).double()
    assert flat.sum().item() == pytest.approx(196.4935683646126, rel=1e-6)
    assert (flat * torch.arange(len(flat))).sum().item() == pytest.approx(2863924.1084731235, rel=1e-6)


def multiplications(name: str) -> int:
    """Of a forward pass of one image of 1×28×28, in convolutions and linear layers."""
    network = build(name, (1, 28, 28), 10).eval()
    counts = []

    def count(module, inputs, output):
        counts.append(output.numel() * module.weight[0].numel())

    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(count)
    network(torch.zeros(1, 1, 28, 28))
    return sum(counts)


def test_the_quick_net_needs_about_half_the_arithmetic_in_fewer_and_wider_layers():
    assert multiplications("small-resnet") == 748_720
    assert multiplications("quick-resnet") == 397_184


def test_the_quick_nets_maps_are_those_of_the_sum_with_its_shortcut():
    """Where the residual branch gives nothing, the maps are of what goes around it."""
    torch.manual_seed(0)
    network = build("quick-resnet", (1, 28, 28), 10)
    images, labels = torch.randn(3, 1, 28, 28), torch.tensor([0, 4, 9])
    nn.init.zeros_(network.residual[1].norm.weight)
    features = network.eval().down(network.patches(images))
    expected = (features * network.head.weight[labels][:, :, None, None]).sum(1).clamp(min=0)
    assert torch.allclose(activation_maps(network, images, labels), expected, atol=1e-6)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [28, 32, 64])
def test_built_in_networks_take_small_images(name, channels, side):
    dry_forward(name, (channels, side, side), 7)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        pytest.param("wrn-28-10", (3, 32, 32), marks=SLOW),
        ("torchvision:resnet18", (1, 28, 28)),
        ("torchvision:mobilenet_v3_small", (3, 32, 32)),
        pytest.param("torchvision:googlenet", (1, 32, 32), marks=SLOW),
        pytest.param("torchvision:inception_v3", (3, 75, 75), marks=SLOW),
        pytest.param("torchvision:vit_b_32", (1, 32, 32), marks=SLOW),
        ("timm:resnet10t", (1, 32, 48)),
        ("timm:vit_tiny_patch16_224", (3, 32, 48)),
    ],
)
def test_larger_networks_and_those_of_libraries(name, shape):
    dry_forward(name, shape, 7)


def test_torchvisions_networks_for_grey_images_see_the_grey_three_times():
    torch.manual_seed(0)
    colour = build("torchvision:squeezenet1_1", (3, 32, 32), 5).eval()
    torch.manual_seed(0)
    grey = build("torchvision:squeezenet1_1", (1, 32, 32), 5).eval()
    x = torch.randn(2, 1, 32, 32)
    assert torch.allclose(grey(x), colour(x.expand(2, 3, 32, 32)), atol=1e-5)


def test_timm_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(UserError, match=r"pip install 'policysearch\[timm\]'"):
        build("timm:resnet10t", (3, 32, 32), 10)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("resnet18", (1, 28, 28), "did you mean resnet-18"),
        ("torchvision:resnt18", (1, 28, 28), "unknown torchvision model 'resnt18': did you mean resnet18"),
        ("torchvision:fcn_resnet50", (3, 32, 32), "unknown torchvision model"),
        ("timm:resnet10x", (1, 28, 28), "unknown timm model 'resnet10x': did you mean resnet10t"),
        ("timm:hf-hub:someone/something", (1, 28, 28), "unknown timm model"),
        ("torchvision:vit_b_32", (1, 28, 28), "indivisible by patch size; it takes 32×32 pixels: give --resize 32"),
        ("timm:vit_tiny_patch16_224", (1, 28, 28), "16×16 pixels do not tile 28×28; .* give --resize 32"),
        ("torchvision:alexnet", (1, 28, 28), "too small; it takes 64×64 pixels: give --resize 64"),
        pytest.param(
            "torchvision:alexnet",
            (1, 28, 48),
            "too small; it takes 64×64 pixels: give --resize 64",
            marks=SLOW,
        ),
        pytest.param(
            "torchvision:vit_b_32",
            (3, 32, 64),
            "takes square images only: give one number, such as --resize 64",
            marks=SLOW,
        ),
        pytest.param(
            "torchvision:vit_b_32",
            (1, 28, 40),
            "takes square images only: give one number, such as --resize 64",
            marks=SLOW,
        ),
        ("timm:vit_tiny_patch16_224", (1, 28, 48), "do not tile 28×48; it takes 48×48 pixels: give --resize 48"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(name, shape, message):
    with pytest.raises(UserError, match=message) as error:
        dry_forward(name, shape, 10)
    assert "\n" not in str(error.value)


FACTORIES = """
import torch
from torch import nn

def linear(channels, classes, height, width):
    return nn.Sequential(nn.Flatten(), nn.Linear(channels * height * width, classes))

def other_names(*, in_chans, num_classes, image_size, dropout=0.1):
    return linear(in_chans, num_classes, *image_size)

def anything(**settings):
    assert set(settings) == {"channels", "classes", "height", "width"}
    return linear(**settings)

class Pooled(nn.Module):
    def __init__(self, in_channels, classes):
        super().__init__()
        self.head = nn.Linear(in_channels, classes)
    def forward(self, x):
        return self.head(x.mean((2, 3)))

def raising(channels):
    raise KeyError("no weights\\nfor this")

def no_network(classes):
    return {"classes": classes}

def wrong_width(channels, classes, height, width):
    return linear(channels, classes + 1, height, width)

def whole_numbers(channels, classes, height, width):
    class Rounded(nn.Module):
        def forward(self, x):
            return x.new_zeros(len(x), classes, dtype=torch.long)
    return Rounded()

def in_two_parts(channels, classes, height, width):
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = linear(channels, classes, height, width)
        def forward(self, x):
            return (self.inner(x), x) if self.training else self.inner(x)
    return Two()

def frozen(channels, classes, height, width):
    return linear(channels, classes, height, width).requires_grad_(False)

def of_contiguous(channels, classes, height, width):
    class Flat(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Conv2d(channels, 4, 3)
            self.head = nn.Linear(4 * (height - 2) * (width - 2), classes)
        def forward(self, x):
            return self.head(self.stem(x).view(len(x), -1))
    return Flat()

def lazy(classes):
    features = nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    return nn.Sequential(*features, nn.LazyLinear(classes))

def lazy_in_vain(channels, classes):
    network = Pooled(channels, classes)
    network.unused = nn.LazyLinear(3)
    return network

def norm_in_the_head(channels, classes):
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.BatchNorm1d(channels), nn.Linear(channels, classes))

def seeded(channels, classes):
    torch.manual_seed(7)
    return Pooled(channels, classes)

def seeded_last(channels, classes):
    network = Pooled(channels, classes)
    torch.manual_seed(7)
    return network

def constant(channels, classes):
    network = Pooled(channels, classes)
    for weights in network.parameters():
        nn.init.constant_(weights, 0.1)
    return network

def leaving(channels, classes):
    raise SystemExit(3)

class Leaves(nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        self.head = nn.Linear(channels, classes)
    def forward(self, x):
        raise SystemExit("no more")

def only_large(channels, classes, height):
    if height < 50:
        raise ValueError("too small")
    return Pooled(channels, classes)

def needs_more(channels, depth):
    return Pooled(channels, depth)

SHARED = linear(3, 10, 8, 8)

def shared():
    return SHARED

STEM = nn.Conv2d(3, 4, 3)

def shared_stem(classes):
    return nn.Sequential(STEM, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, classes))

value = 3
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_networks.py").write_text(FACTORIES)
    yield tmp_path
    for name in ("my_networks", "policysearch_own_my_networks"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("module", ["my_networks", "my_networks.py"])
@pytest.mark.parametrize("factory", ["linear", "other_names", "anything", "Pooled"])
def test_factories_get_what_their_signatures_name(folder, module, factory):
    dry_forward(f"{module}:{factory}", (3, 8, 12), 10)


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("raising", "cannot be made for images .*KeyError: 'no weights"),
        ("no_network", "gives dict and not a torch.nn.Module"),
        ("wrong_width", r"gives float32 \[2, 11\] for two images of 10 classes in evaluation and not float \[2, 10\]"),
        ("whole_numbers", r"gives int64 \[2, 10\]"),
        ("in_two_parts", "gives tuple for two images in training"),
        ("frozen", "does not require grad"),
        ("leaving", "cannot be made for images .*SystemExit: 3"),
        ("Leaves", "cannot take images .*SystemExit: no more"),
        ("lazy_in_vain", "has lazy layers that a forward pass in evaluation mode does not reach"),
        ("only_large", "too small; it takes 64×64 pixels: give --resize 64"),
        ("needs_more", "'depth' has no default and is none of channels, classes"),
        ("shared", "gives the same network again"),
        ("shared_stem", "gives the same network again"),
        ("nothing", "cannot be loaded"),
        ("value", "is no function"),
    ],
)
def test_factories_that_do_not_do(folder, factory, message):
    with pytest.raises(UserError, match=message) as error:
        dry_forward(f"my_networks.py:{factory}", (3, 8, 8), 10)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("factory", "note"),
    [
        ("linear", ""),
        ("lazy", ""),
        ("of_contiguous", "fails on images in channels-last order, so it is trained in the plain order"),
        ("seeded", "seeds torch itself, so replicates share their first weights"),
        ("seeded_last", "seeds torch itself"),
        ("constant", "starts from the same weights at every seed"),
    ],
)
def test_what_is_odd_about_a_network_is_noted(folder, factory, note):
    notes = dry_forward(f"my_networks.py:{factory}", (3, 8, 8), 10)
    assert len(notes) == bool(note) and all(note in text for text in notes)


def test_a_network_that_cannot_train_on_one_image_is_refused_where_a_batch_has_one(folder):
    """Five images in batches of 2 leave one alone; in batches of 3 they do not."""
    name = "my_networks.py:norm_in_the_head"
    assert [smallest_batch(images, batch) for images, batch in ((5, 2), (4, 2), (5, 3), (7, 3))] == [1, 2, 2, 2]
    assert dry_forward(name, (3, 8, 8), 10) == ()
    with pytest.raises(UserError, match=r"leaves one .*more than 1 value per channel.* give --batch 3 or more"):
        dry_forward(name, (3, 8, 8), 10, smallest_batch=1)
    assert dry_forward("my_networks.py:of_contiguous", (3, 8, 8), 10, smallest_batch=1)


@pytest.mark.parametrize(("images", "message"), [(20, None), (21, "give --batch 3 or more")])
def test_a_batch_of_one_is_foreseen_for_every_size_of_pull(folder, images, message):
    config = make_config({"model": "my_networks.py:norm_in_the_head", "images": 20, "confirm_images": images})
    config = config.model_copy(update={"recipe": Recipe(batch=2)})
    dataset = load(str(write_npz(folder / "small.npz")))
    if message is None:
        must_suit(config, dataset)
        return
    with pytest.raises(UserError, match=message):
        must_suit(config, dataset)


@pytest.mark.parametrize("factory", ["of_contiguous", "lazy"])
def test_networks_for_the_plain_order_and_with_lazy_layers_train_in_workers(folder, factory):
    """To the last bit as often as one likes, under a mix that asks the network for its maps, with weights averaged."""
    policy = Policy.from_dict({"sub_policies": [{"steps": []}], "mix": {"operation": "snapmix"}})
    setup = ChildSetup(
        str(load(str(write_npz(folder / "small.npz"))).handle),
        None,
        0,
        f"my_networks.py:{factory}",
        Recipe(batch=8, averaging=0.5, base_epochs=1),
        "cpu",
        test=True,
    )
    trial = Trial(0, policy.hash, policy.to_json(indent=None), 0, 5, 20, 2)
    first, second = (attempt(setup(), trial) for _ in range(2))
    assert not first.error and 0 <= first.metrics["test_accuracy"] <= 1
    assert first.metrics["loss"] == second.metrics["loss"]


def test_a_network_that_leaves_python_is_a_failed_attempt(folder):
    setup = ChildSetup(str(load("fashion-small").handle), None, 0, "my_networks.py:Leaves", Recipe(), "cpu")
    policy = Policy.preset("identity")
    outcome = attempt(setup(), Trial(0, policy.hash, policy.to_json(indent=None), 0, 5, 20, 1))
    assert outcome.error == "SystemExit: no more"


def test_a_search_with_a_network_of_ones_own(folder, monkeypatch):
    """The worker finds it, another folder does no harm, and an edit of it is noticed."""
    data = str(write_npz(folder / "small.npz"))
    settings = {"data": data, "model": "my_networks.py:Pooled", "trials": 4, "images": 10, "confirm": 1, "workers": 1}
    search(config_for(folder / "run", **settings))
    assert load_config(folder / "run" / "config.toml").model == f"{folder}/my_networks.py:Pooled"
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    assert resume(folder / "run", trials=5).policy is not None
    (folder / "my_networks.py").write_text(FACTORIES + "# edited\n")
    with pytest.raises(UserError, match="the model's source changed since the search began"):
        resume(folder / "run")


@pytest.mark.parametrize("name", ["small-resnet", "torchvision:googlenet", "nosuch"])
def test_a_dry_forward_leaves_the_global_generator_alone(name):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    try:
        dry_forward(name, (1, 32, 32), 10)
    except UserError:
        assert name == "nosuch"
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(
    ("name", "batch", "rate", "decay", "epochs"),
    [
        ("wrn-28-10", 128, 0.1, 5e-4, 200),
        ("resnet-18", 128, 0.1, 5e-4, 200),
        ("torchvision:resnet50", 128, 0.05, 1e-4, 90),
        ("timm:resnet10t", 128, 0.05, 1e-4, 90),
        ("my_networks.py:linear", 128, 0.1, 5e-4, 200),
    ],
)
def test_recipes_are_those_of_the_sources(name, batch, rate, decay, epochs):
    recipe = recipe_for(name)
    assert (recipe.batch, recipe.rate, recipe.weight_decay, recipe.momentum) == (batch, rate, decay, 0.9)
    assert network_row(name).long_epochs == epochs


def test_the_small_net_keeps_the_recipe_it_was_measured_with():
    assert recipe_for("small-resnet") == Recipe() and set(SMALL) < set(NETWORKS)


def test_what_is_given_of_a_recipe_comes_before_the_networks():
    """Also where the given value is the default of another network."""
    config = resolved(make_config({"model": "torchvision:resnet18", "recipe": {"weight_decay": 5e-4}, "device": "cpu"}))
    assert (config.recipe.rate, config.recipe.weight_decay, config.recipe.precision) == (0.05, 5e-4, "float32")
    assert resolved(make_config({"model": "torchvision:resnet18", "recipe": {"rate": 0.1}})).recipe.rate == 0.1
    assert resolved(make_config({"recipe": {"rate": 0.2}})).recipe.rate == 0.2
    assert resolved(make_config({})).recipe.rate == 0.1


def test_a_runs_recipe_is_saved_whole_and_holds_when_it_goes_on(quick, tmp_path):
    search(config_for(tmp_path / "run", model="torchvision:resnet18", recipe={"batch": 64}))
    saved = load_config(tmp_path / "run" / "config.toml").recipe
    assert saved == Recipe(batch=64, rate=0.05, weight_decay=1e-4, precision="float32")
    assert saved.model_fields_set == set(Recipe.model_fields) - Recipe.later
    assert resume(tmp_path / "run", trials=14).config.recipe == saved


def test_names_without_torch_are_those_of_the_networks():
    from policysearch.child.network_names import BUILT_IN, LIBRARIES

    assert (*NETWORKS,) == BUILT_IN
    assert (*OTHERS,) == (*(f"{library}:NAME" for library in LIBRARIES), "MODULE:FACTORY or PATH.py:FACTORY")
