"""Children that begin with weights: what is read and what is refused, which layers move, and how fast."""

from __future__ import annotations

import argparse
import math
import os
from functools import partial

import pytest
import torch
from torch import nn

from policysearch.child.fine_tuning.backbone import fitted
from policysearch.child.fine_tuning.blocks import blocks_in_order, blocks_of, frozen_modules, rate_shares, with_blocks
from policysearch.child.fine_tuning.normalisation import Normalisation, parse_normalisation
from policysearch.child.fine_tuning.published import published_file, published_normalisation
from policysearch.child.fine_tuning.start import (
    Start,
    Tuned,
    digest_of,
    network_factory,
    start_notes,
    with_normalisation,
)
from policysearch.child.fine_tuning.stored_weights import read_weights
from policysearch.child.learner import Learner
from policysearch.child.network_registry import recipe_for
from policysearch.child.networks import build
from policysearch.child.recipe import Recipe
from policysearch.child.sgd import SGD
from policysearch.child.weights_file import SCHEMA, WeightsFile
from policysearch.core.errors import UserError
from policysearch.policy.policy import Policy
from tests.support.small_children import DropNet, same, small_child, small_data, state_after

GREY, COLOUR = (1, 16, 16), (3, 16, 16)
FLIP = Policy.preset("flip-crop")


def network(shape=COLOUR, classes=4, seed=0, model="small-resnet"):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build(model, shape, classes)


def file_of(path, content) -> Start:
    torch.save(content, path)
    return Start(str(path), digest_of(path.read_bytes()))


def own_file(path, shape=COLOUR, classes=4, seed=0) -> Start:
    """As `policysearch online` writes it."""
    state = network(shape, classes, seed).state_dict()
    names = tuple(map(str, range(classes)))
    channels = shape[0]
    WeightsFile("small-resnet", shape, names, (90.0,) * channels, (50.0,) * channels, state).save(path)
    return Start(str(path), digest_of(path.read_bytes()))


def seeded(factory, seed=7):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return factory()


def test_a_network_begins_with_the_weights_and_a_new_classifier(tmp_path):
    factory, normalisation = network_factory("small-resnet", COLOUR, 9, own_file(tmp_path / "w.pt"))
    stored, state, fresh = (
        net.state_dict() for net in (network(), seeded(factory), seeded(partial(build, "small-resnet", COLOUR, 9)))
    )
    assert all(torch.equal(state[name], stored[name]) for name in stored if not name.startswith("head."))
    assert torch.equal(state["head.weight"], fresh["head.weight"]) and state["head.weight"].shape == (9, 40)
    assert normalisation == Normalisation((90.0,) * 3, (50.0,) * 3)


def test_the_classifier_is_new_even_with_as_many_classes(tmp_path):
    factory, _ = network_factory("small-resnet", COLOUR, 4, own_file(tmp_path / "w.pt"))
    one, other = seeded(factory, 1), seeded(factory, 2)
    assert not torch.equal(one.head.weight, other.head.weight)
    assert not torch.equal(one.head.weight, network().head.weight)
    assert torch.equal(one.stem[0].weight, other.stem[0].weight)


STATE = network().state_dict()


@pytest.mark.parametrize(
    "content",
    [
        STATE,
        {"state_dict": STATE, "epoch": 3},
        {"model": STATE, "optimizer": {"state": {}}, "best": 0.7},
        {"state_dict_ema": STATE, "epoch": 3, "args": argparse.Namespace(model="small-resnet", lr=0.1)},
        {"model_ema": {"n_averaged": torch.tensor(4), **{f"module.{name}": value for name, value in STATE.items()}}},
        {"ema": {"decay": torch.tensor(0.99)}, "model": STATE},
        {"key": {"arm": "a"}, "state": STATE, "metrics": {"accuracy": 0.5}},
        {f"module.{name}": value for name, value in STATE.items()},
        {"state_dict": {f"_orig_mod.module.{name}": value for name, value in STATE.items()}},
        {name: value.half() for name, value in STATE.items() if not name.endswith("num_batches_tracked")},
        {name: value for name, value in STATE.items() if not name.startswith("head.")},
    ],
    ids=[
        "plain",
        "state_dict",
        "model",
        "timm-ema",
        "averaged",
        "no-ema",
        "kept",
        "module",
        "compiled",
        "half",
        "no-head",
    ],
)
def test_forms_of_weights_that_people_have(content, tmp_path):
    factory, _ = network_factory("small-resnet", COLOUR, 4, file_of(tmp_path / "w.pt", content))
    made = seeded(factory).state_dict()
    close = [torch.allclose(made[name], STATE[name], atol=1e-3) for name in STATE if not name.startswith("head.")]
    assert all(close) and made["stem.0.weight"].dtype == torch.float32


@pytest.mark.parametrize("averaged", ["state_dict_ema", "model_ema", "ema"])
def test_the_moving_average_of_a_training_is_taken_and_named(averaged, tmp_path):
    """As timm's own loader takes it; the other weights differ."""
    plain = {name: value + 1 if value.is_floating_point() else value for name, value in STATE.items()}
    key = "model" if averaged == "model_ema" else "state_dict"
    start = file_of(tmp_path / "w.pt", {key: plain, averaged: STATE, "optimizer": {"state": {}}})
    made = seeded(network_factory("small-resnet", COLOUR, 4, start)[0]).state_dict()
    assert torch.equal(made["stem.0.weight"], STATE["stem.0.weight"])
    chosen, *_ = start_notes("small-resnet", COLOUR, 4, start, 0)
    assert f"those under {averaged!r} are taken, a moving average, and not those under {key!r}" in chosen
    other = file_of(tmp_path / "other.pt", {key: STATE, averaged: {"a": torch.ones(2)}})
    with pytest.raises(UserError, match=rf"weights 'other\.pt' \(under '{averaged}'\) do not fit"):
        network_factory("small-resnet", COLOUR, 4, other)


def test_weights_that_mmengine_keeps_besides_its_average_are_not_taken():
    stored = read_weights(saved({"state_dict": STATE, "ema_state_dict": {"module.a": torch.ones(2)}}), "w.pt")
    assert same(dict(stored.tensors), dict(STATE)) and (stored.key, stored.others) == ("state_dict", ())


def test_of_several_weights_without_an_average_the_one_taken_is_named(tmp_path):
    start = file_of(tmp_path / "w.pt", {"net": {"a": torch.ones(2)}, "state_dict": STATE})
    chosen, *_ = start_notes("small-resnet", COLOUR, 4, start, 0)
    assert chosen == "weights 'w.pt' has several: those under 'state_dict' are taken, and not those under 'net'"


def test_safetensors_are_read():
    safetensors = pytest.importorskip("safetensors.torch")
    content = safetensors.save({name: value.contiguous() for name, value in STATE.items()})
    assert same(dict(read_weights(content, "w.safetensors").tensors), dict(STATE))
    with pytest.raises(UserError, match=r"'w.safetensors' are damaged"):
        read_weights(content[: len(content) // 2], "w.safetensors")


class Runs:
    """Pickled, it makes a folder when it is read without care."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def test_nothing_in_a_file_is_run(tmp_path):
    torch.save({"state_dict": STATE, "extra": Runs(str(tmp_path / "ran"))}, tmp_path / "w.pt")
    with pytest.raises(UserError, match=r"hold a \w+\.mkdir besides tensors, and to read it could run code"):
        read_weights((tmp_path / "w.pt").read_bytes(), "w.pt")
    assert not (tmp_path / "ran").exists()


def test_a_whole_network_is_refused_with_what_to_do(tmp_path):
    torch.save(network(), tmp_path / "w.pt")
    with pytest.raises(UserError, match=r"hold a policysearch\.\S+SmallResNet besides tensors.*state_dict\(\)"):
        read_weights((tmp_path / "w.pt").read_bytes(), "w.pt")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "damaged, or no file of weights"),
        (b"GIF89a no weights at all", "damaged, or no file of weights"),
        (b"\x80\x02}q\x00.", "damaged, or no file of weights"),
        ([torch.ones(2)], "hold a list and no dictionary"),
        ({"epoch": 3, "accuracy": 0.5}, "hold no tensors by name, but accuracy, epoch"),
        ({}, "hold no tensors by name, but nothing"),
        ({**STATE, "stem.1.bias": torch.full((8,), torch.nan)}, "hold nan in 'stem.1.bias', and all must be finite"),
        (
            {"a": torch.tensor([1.0, 1e300], dtype=torch.float64)},
            r"hold 1e\+300 in 'a', and all must be finite in float3",
        ),
        ({"a": torch.tensor([1.0, -torch.inf]).to(torch.bfloat16)}, "hold -inf in 'a', and all must be finite"),
        ({"a": torch.tensor([1.0, torch.nan]).to(torch.float8_e4m3fn)}, "hold nan in 'a', and all must be finite"),
        (
            {**STATE, "stem.1.running_var": torch.tensor([0.5, -0.25, 1, 1, 1, 1, 1, 1])},
            "hold -0.25 in 'stem.1.running_var', and variances are 0 or more",
        ),
        ({"running_var": torch.tensor([-1e-30])}, "hold -1e-30 in 'running_var'"),
        (
            {**STATE, "stem.1.num_batches_tracked": torch.tensor(-3)},
            "hold -3 in 'stem.1.num_batches_tracked', and counts of batches are 0 or more",
        ),
        (
            {"schema": SCHEMA, "weights": STATE, "mean": (math.nan,), "std": (1.0,)},
            r"mean \(nan,\) and std \(1.0,\)",
        ),
        ({"schema": SCHEMA, "weights": STATE, "mean": (1.0,) * 3, "std": (1.0, 0.0, 1.0)}, "those of std above 0"),
        ({"schema": SCHEMA, "weights": STATE, "mean": (1.0,) * 2, "std": (1.0,) * 2}, "both are 1 or 3 finite numbers"),
        ({"schema": SCHEMA, "weights": STATE, "mean": "grey", "std": None}, "by mean 'grey' and std None"),
        ({"a": torch.zeros(2, dtype=torch.complex64)}, "'a' as a complex64 tensor"),
        ({"a": torch.eye(2).to_sparse()}, "'a' as a sparse_coo tensor"),
        ({"a": torch.zeros(2, device="meta")}, "'a' as a meta tensor"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_file_of_weights(content, message, tmp_path):
    if not isinstance(content, bytes):
        torch.save(content, tmp_path / "w.pt")
        content = (tmp_path / "w.pt").read_bytes()
    with pytest.raises(UserError, match=message):
        read_weights(content, "w.pt")


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16, torch.float8_e4m3fn])
def test_floats_of_any_size_are_weights(dtype):
    weights = torch.tensor([0.5, -2.0])
    torch.testing.assert_close(read_weights(saved({"a": weights.to(dtype)}), "w.pt").tensors["a"], weights)


def test_whole_numbers_are_no_weights_of_a_layer():
    net = network()
    blocks = blocks_in_order(net, torch.zeros(2, *COLOUR))
    state = {**net.state_dict(), "stem.1.bias": torch.ones_like(net.state_dict()["stem.1.bias"], dtype=torch.int8)}
    with pytest.raises(UserError, match=r"stem\.1\.bias holds whole numbers \(int8\)"):
        fitted(read_weights(saved(state), "w.pt"), net, blocks, "w.pt", "small-resnet")


def test_a_mean_that_is_not_of_grey_values_is_not_the_normalisation():
    unit = {"mean": torch.tensor([0.485, 0.456, 0.406]), "std": torch.tensor([0.229, 0.224, 0.225])}
    assert read_weights(saved({**STATE, **unit}), "w.pt").normalisation is None  # buffers of a network
    assert read_weights(saved({"state_dict": STATE, **unit}), "w.pt").normalisation is None
    own = {"schema": SCHEMA, "weights": STATE, "mean": (100.0,), "std": (50.0,)}
    assert read_weights(saved(own), "w.pt").normalisation == Normalisation((100.0,), (50.0,))


def test_norms_may_have_a_variance_of_zero_and_no_count():
    state = {name: value for name, value in STATE.items() if not name.endswith("num_batches_tracked")}
    state["stem.1.running_var"] = torch.zeros(8)
    assert read_weights(saved(state), "w.pt").tensors["stem.1.running_var"].eq(0).all()


def test_finite_weights_whose_answers_are_not_are_refused(tmp_path):
    state = {**STATE, "stem.0.weight": torch.full_like(STATE["stem.0.weight"], 3e38)}
    start = file_of(tmp_path / "w.pt", state)
    with pytest.raises(UserError, match=r"with the weights 'w\.pt' answers (nan|-?inf) to ordinary images"):
        start_notes("small-resnet", COLOUR, 4, start, 0)
    assert start_notes("small-resnet", COLOUR, 4, own_file(tmp_path / "own.pt"), 0) == ()


def test_empty_tensors_are_refused_with_where_they_come_from(tmp_path):
    state = {**STATE, "stem.0.weight": torch.zeros(0)}
    with pytest.raises(UserError, match=r"stem\.0\.weight is \[0\] and not \[8, 3, 3, 3\]: .* gather its weights"):
        network_factory("small-resnet", COLOUR, 4, file_of(tmp_path / "w.pt", state))


def test_a_file_that_was_cut_off_is_refused(tmp_path):
    whole = own_file(tmp_path / "w.pt").shipped().content
    with pytest.raises(UserError, match="damaged"):
        read_weights(whole[: len(whole) // 2], "w.pt")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("blocks.0.conv1.weight"), r"they lack blocks\.0\.conv1\.weight: give the --model"),
        (lambda state: state.update(extra=torch.ones(1)), "the network lacks their extra"),
        (
            lambda state: state.update({"stem.0.weight": torch.ones(8, 3, 5, 5)}),
            r"stem\.0\.weight is \[8, 3, 5, 5\] and not \[8, 3, 3, 3\]",
        ),
        (lambda state: [state.pop(name) for name in list(state)[:9]], r"they lack stem\.0\.weight, .* and \d more"),
    ],
    ids=["missing", "extra", "shape", "many"],
)
def test_what_does_not_fit_is_named(change, message, tmp_path):
    state = dict(STATE)
    change(state)
    with pytest.raises(UserError, match=f"weights 'w.pt' do not fit small-resnet: .*{message}"):
        network_factory("small-resnet", COLOUR, 4, file_of(tmp_path / "w.pt", state))


def test_weights_of_another_network_say_of_which(tmp_path):
    with pytest.raises(UserError, match=r"do not fit quick-resnet: .*: they are of --model small-resnet"):
        network_factory("quick-resnet", COLOUR, 4, own_file(tmp_path / "w.pt"))


def test_colour_weights_on_grey_images_answer_as_on_grey_ones_in_colour():
    net = network().eval()
    blocks = blocks_in_order(net, torch.zeros(2, *COLOUR))
    grey = network(GREY).eval()
    weights = fitted(read_weights(saved(net.state_dict()), "w.pt"), grey, blocks, "w.pt", "small-resnet")
    grey.load_state_dict({**net.state_dict(), **weights.state})
    images = torch.randn(3, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(grey(images), net(images.expand(-1, 3, -1, -1)))
    assert "summed over its channels" in weights.notes[0]

    back = fitted(read_weights(saved(grey.state_dict()), "g.pt"), net, blocks, "g.pt", "small-resnet")
    net.load_state_dict(dict(back.state), strict=False)
    torch.testing.assert_close(net(images.expand(-1, 3, -1, -1)), grey(images))


def saved(content) -> bytes:
    import io

    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


class Backwards(nn.Module):
    """Registers its layers from the last to the first, and has weights of its own that lie in no layer."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 3)
        self.norm = nn.LayerNorm(4)
        self.layers = nn.ModuleList([nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4)) for _ in range(2)])
        self.embed = nn.Linear(64, 4)
        self.token = nn.Parameter(torch.zeros(4))

    def forward(self, images):
        x = self.embed(images.flatten(1)) + self.token
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x))


def test_blocks_are_in_the_order_of_the_forward_pass():
    net = Backwards()
    blocks = blocks_in_order(net, torch.zeros(2, 1, 8, 8))
    expected = (("embed",), ("layers.0.0",), ("layers.0.2",), ("layers.1.0",), ("layers.1.2", "norm"), ("head",))
    assert blocks == expected
    shares = dict(
        zip(
            (name for name, _ in net.named_parameters()),
            rate_shares(with_blocks(net, blocks), Recipe(layer_decay=0.5)),
            strict=True,
        )
    )
    assert shares["token"] == shares["embed.bias"] == 0.5**5
    assert shares["norm.weight"] == shares["layers.1.2.weight"] == 0.5 and shares["head.weight"] == 1


@pytest.mark.parametrize(
    ("model", "first", "count"),
    [
        ("small-resnet", ("stem.0", "stem.1"), 5),
        ("quick-resnet", ("patches.convolution", "patches.norm"), 4),
        pytest.param("torchvision:resnet18", ("conv1", "bn1"), 10, marks=pytest.mark.slow),
        pytest.param("torchvision:googlenet", ("conv1",), 13, marks=pytest.mark.slow),
        pytest.param("torchvision:vit_b_32", ("conv_proj",), 14, marks=pytest.mark.slow),
        ("torchvision:mobilenet_v3_small", ("features.0",), 15),
    ],
)
def test_blocks_of_networks(model, first, count):
    blocks = blocks_in_order(build(model, (3, 32, 32), 4), torch.zeros(2, 3, 32, 32))
    assert blocks[0] == first and len(blocks) == count


def test_a_network_that_ends_otherwise_is_refused():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(64, 6)

        def forward(self, images):
            return self.layer(images.flatten(1)).unflatten(1, (2, 3)).sum(1)

    with pytest.raises(UserError, match="does not end with a linear layer or a convolution"):
        blocks_in_order(Odd(), torch.zeros(2, 1, 8, 8))


@pytest.mark.parametrize(("momentum", "decay"), [(0.9, 5e-4), (0.0, 0.0), (0.9, 0.0)])
def test_rates_by_layer_are_those_of_torch(momentum, decay):
    generator = torch.Generator().manual_seed(0)
    start = [torch.randn(5, 3, generator=generator), torch.randn(7, generator=generator)]
    ours, theirs = ([weight.clone().requires_grad_() for weight in start] for _ in range(2))
    shares = (0.25, 1.0)
    optimiser = SGD(ours, momentum=momentum, weight_decay=decay, shares=shares)
    groups = [{"params": [weight], "lr": 0.1 * share} for weight, share in zip(theirs, shares, strict=True)]
    reference = torch.optim.SGD(groups, 0.1, momentum, weight_decay=decay, nesterov=momentum > 0)
    for _ in range(6):
        for mine, other in zip(ours, theirs, strict=True):
            gradient = torch.randn(mine.shape, generator=generator)
            mine.grad, other.grad = gradient, gradient.clone()
        optimiser.step(0.1)
        reference.step()
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other)


def dropnet_factory():
    torch_state = seeded(DropNet, 5).state_dict()
    state = {name: value for name, value in torch_state.items() if not name.startswith("head.")}
    return Tuned(DropNet, state, blocks_in_order(DropNet(), torch.zeros(2, 1, 8, 8)))


def learned(recipe: dict, epochs=2):
    """The last state of a child of DropNet, and what it began with."""
    factory = dropnet_factory()
    _, contents = small_child(FLIP, epochs=epochs, factory=factory, **recipe)
    return state_after(contents[epochs])["learner"]["network"]["saved"], factory.state


def test_frozen_blocks_stay_to_the_last_bit_and_the_others_move():
    """Their norms too, whose running statistics would move in training mode."""
    state, start = learned({"frozen": 1, "averaging": 0.5})
    assert all(torch.equal(state[name], value) for name, value in start.items())
    state, start = learned({})
    assert not any(torch.equal(state[name], start[name]) for name in ("body.0.weight", "body.1.running_mean"))


def test_a_small_decay_leaves_the_stem_nearly_as_it_was():
    moved = []
    for decay in (1.0, 0.1):
        state, start = learned({"layer_decay": decay, "weight_decay": 0.0})
        moved.append(float((state["body.0.weight"] - start["body.0.weight"]).norm()))
    assert 0 < moved[1] < 0.3 * moved[0]


def test_recipes_without_weights_to_begin_with_change_nothing():
    """A network that does not know its blocks has one rate and nothing frozen."""
    net = DropNet()
    assert rate_shares(net, Recipe(layer_decay=0.5)) is None and frozen_modules(net, Recipe(frozen=1)) == ()
    assert blocks_of(Learner(DropNet, Recipe(), torch.device("cpu")).network) == ()
    assert "layer_decay" not in Recipe().model_dump() and "frozen" not in Recipe().model_dump()


@pytest.mark.parametrize(
    "settings", [{"frozen": 1}, {"layer_decay": 0.5, "averaging": 0.5}, {"base_epochs": 1}], ids=str
)
def test_a_fine_tuned_child_that_goes_on_is_the_one_that_was_never_stopped(settings):
    settings = {"factory": dropnet_factory(), **settings}
    whole, contents = small_child(FLIP, epochs=3, stops=[1], **settings)
    rest, ends = small_child(FLIP, epochs=3, origin=contents[1], **settings)
    assert same(state_after(contents[3]), state_after(ends[3])) and whole["accuracy"] == rest["accuracy"]


def test_defaults_of_fine_tuning_give_way_to_what_is_set():
    usual, tuned = recipe_for("small-resnet"), recipe_for("small-resnet", fine_tuned=True)
    assert tuned.rate < usual.rate and tuned.layer_decay < usual.layer_decay == 1
    assert recipe_for("small-resnet", Recipe(rate=0.3, layer_decay=1.0), fine_tuned=True).rate == 0.3
    assert recipe_for("small-resnet", Recipe(rate=0.3, layer_decay=1.0), fine_tuned=True).layer_decay == 1.0


def test_inputs_are_normalised_as_the_weights_were():
    data = with_normalisation(small_data(), parse_normalisation("0.25/0.5"))
    images = torch.full((2, 1, 8, 8), 127, dtype=torch.uint8)
    expected = (127 / 255 - 0.25) / 0.5
    torch.testing.assert_close(data.normalise(images), torch.full((2, 1, 8, 8), expected))
    assert with_normalisation(data, None) is data


@pytest.mark.parametrize(
    "text", ["", "imagnet", "0.5", "0.5/0", "1.5/0.2", "0.1,0.2/0.3,0.4", "0.5/nan", "a/b", "1/2/3"]
)
def test_normalisations_that_are_none(text):
    with pytest.raises(UserError, match="--normalisation"):
        parse_normalisation(text)


def test_a_file_that_changes_is_noticed_and_a_shipped_one_is_not_needed(tmp_path):
    start = own_file(tmp_path / "w.pt")
    shipped = start.shipped()
    own_file(tmp_path / "w.pt", seed=1)
    with pytest.raises(UserError, match=r"weights 'w\.pt' have changed since"):
        start.stored()
    (tmp_path / "w.pt").unlink()
    assert shipped.stored().model == "small-resnet"


def test_weights_of_libraries_have_their_normalisation():
    expected = parse_normalisation("imagenet")
    assert published_normalisation("torchvision:resnet18") == expected
    assert published_normalisation("small-resnet") is None
    pytest.importorskip("timm")
    assert published_normalisation("timm:vit_tiny_patch16_224") == parse_normalisation("0.5,0.5,0.5/0.5,0.5,0.5")


def test_published_weights_are_fetched_only_if_that_is_allowed(tmp_path, monkeypatch):
    """From a file, as if it were the library's address."""
    from torchvision.models import ShuffleNet_V2_X0_5_Weights as Weights

    model = "torchvision:shufflenet_v2_x0_5"
    state = build(model, (3, 32, 32), 1000).state_dict()
    torch.save(state, tmp_path / "source.pth")
    name = f"net-{digest_of((tmp_path / 'source.pth').read_bytes())[:8]}.pth"
    (tmp_path / "source.pth").rename(tmp_path / name)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setattr(Weights, "url", (tmp_path / name).as_uri())

    with pytest.raises(UserError, match=f"published weights of {model} are not on this machine: add --download"):
        published_file(model, download=False)
    path = published_file(model, download=True)
    (tmp_path / name).unlink()
    assert published_file(model, download=False) == path

    start = Start(path, digest_of((tmp_path / "hub" / "checkpoints" / name).read_bytes()))
    factory, normalisation = network_factory(model, (3, 32, 32), 5, start)
    assert normalisation == parse_normalisation("imagenet")
    made = seeded(factory).state_dict()
    assert torch.equal(made["conv1.0.weight"], state["conv1.0.weight"]) and made["fc.weight"].shape[0] == 5


def unreachable(*arguments, **settings):
    raise OSError("no way")


def test_published_weights_that_cannot_be_fetched(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setattr(
        torch.hub, "load_state_dict_from_url", lambda *_, **__: (_ for _ in ()).throw(OSError("no way"))
    )
    with pytest.raises(UserError, match=r"cannot be fetched \(OSError: no way\): give a file"):
        published_file("torchvision:resnet18", download=True)
    with pytest.raises(UserError, match="is for torchvision:NAME and timm:NAME, and the network is small-resnet"):
        published_file("small-resnet", download=True)


def test_weights_of_timm_are_kept_in_the_cache(tmp_path, monkeypatch):
    timm = pytest.importorskip("timm")
    monkeypatch.setenv("POLICYSEARCH_CACHE", str(tmp_path))
    with pytest.raises(UserError, match="are not on this machine: add --download"):
        published_file("timm:resnet10t", download=False)

    create = timm.create_model
    made = []

    def pretended(name, pretrained=False, **settings):
        made.append(create(name, pretrained=False, **settings))
        return made[-1]

    monkeypatch.setattr(timm, "create_model", pretended)
    path = published_file("timm:resnet10t", download=True)
    monkeypatch.undo()
    monkeypatch.setenv("POLICYSEARCH_CACHE", str(tmp_path))
    assert published_file("timm:resnet10t", download=False) == path

    factory, normalisation = network_factory("timm:resnet10t", (1, 32, 32), 3, Start.of(path))
    expected = made[0].state_dict()["conv1.0.weight"].sum(1, keepdim=True)
    assert torch.equal(seeded(factory).state_dict()["conv1.0.weight"], expected)
    assert normalisation == parse_normalisation("imagenet").for_channels(1)
