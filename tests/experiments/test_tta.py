"""`policysearch tta`: greedy views on validation, judged once on test; resumed after any kill, and what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from policysearch.core.errors import UserError
from policysearch.core.jsonable import plain
from policysearch.datasets.load import load
from policysearch.experiments.evaluation.ledger import NAME, reads
from policysearch.experiments.search.run import search
from policysearch.experiments.tta.candidates import classic_pool, pool, sources
from policysearch.experiments.tta.choice import chosen, read_choice
from policysearch.experiments.tta.greedy import LEAST_GAIN, calibrated_likelihood, greedy
from policysearch.experiments.tta.judge import Networks
from policysearch.experiments.tta.report import must_agree_with_ledger, page
from policysearch.experiments.tta.run import Tta, read_tta, tta
from policysearch.experiments.tta.settings import TtaSettings
from policysearch.experiments.tta.summary import read_summary
from policysearch.experiments.tta.ways import LEARNED, of_equal_cost, ways
from policysearch.policy.policy import Policy
from policysearch.policy.tta import CLASSICS, TtaPolicy, View, classic_views
from tests.support.command_line import call
from tests.support.exports import imported
from tests.support.half_networks import write_patches
from tests.support.markdown import python_pages
from tests.support.quick import QuickSetup, config_for
from tests.support.selection import slow_but
from workers.evaluate import ChildSetup

SMALL = TtaSettings(seeds=3, views=3, candidates=24)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tta")
    write_patches(folder)
    return folder


@pytest.fixture(scope="module", autouse=True)
def no_pictures():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("policysearch.experiments.tta.files.write_plot", lambda *_: None)
        patch.setattr("policysearch.experiments.tta.files.write_page", lambda *_: None)
        yield


def values(place: Path, out: Path, **changes) -> dict:
    same = {"data": str(place / "patches.npz"), "model": f"{place / 'half.py'}:Half", "epochs": 4, "workers": 0}
    return {**same, "device": "cpu", "recipe": {"batch": 32, "rate": 0.1}, "out": str(out), **changes}


@pytest.fixture(scope="module")
def done(place) -> Tta:
    return tta("identity", SMALL, values(place, place / "done"), command="typed")


@pytest.fixture
def cli(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    return lambda *words: call(monkeypatch, capsys, "tta", *words)


def some_views(count: int = 9, networks: int = 2, images: int = 40, classes: int = 3):
    """Probabilities [K, S, N, C] of views that see each image more or less well, and labels and folds."""
    rng = np.random.default_rng(3)
    labels = np.arange(images) % classes
    signal = rng.uniform(0, 2, (count, 1, images, 1)) * np.eye(classes)[labels]
    logits = rng.normal(size=(count, networks, images, classes)) + signal
    p = np.exp(logits) / np.exp(logits).sum(3, keepdims=True)
    return p.astype(np.float32), labels, np.arange(images) // classes % 2


def test_greedy_takes_the_best_view_at_every_step_and_never_falls():
    views, labels, folds = some_views()
    result = greedy(views, labels, folds, most=5)
    assert len(set(result.places)) == len(result.places) >= 2
    assert all(after >= before + LEAST_GAIN for before, after in zip(result.scores, result.scores[1:], strict=False))
    taken: list[int] = []
    for best, score in zip(result.places, result.scores, strict=True):
        every = {
            k: calibrated_likelihood(views[[*taken, k]].mean(0, dtype=np.float64)[None], labels, folds)[0][0]
            for k in range(len(views))
            if k not in taken
        }
        assert max(every, key=every.__getitem__) == best and score == pytest.approx(every[best], abs=1e-7)
        taken.append(best)


def test_greedy_stops_where_nothing_helps():
    views, labels, folds = some_views(3)
    alike = np.concatenate([views[:1]] * 3)
    assert len(greedy(alike, labels, folds, most=3).places) == 1


def test_greedy_is_the_same_in_parts(monkeypatch):
    views, labels, folds = some_views()
    whole = greedy(views, labels, folds, most=4)
    monkeypatch.setattr("policysearch.experiments.tta.greedy._AT_ONCE", 1)
    parts = greedy(views, labels, folds, most=4)
    assert parts.places == whole.places and parts.scores == pytest.approx(whole.scores, abs=1e-7)


def test_the_pool_holds_the_classics_and_draws_that_can_be_viewed():
    views = pool(sources("randaugment", None), 40, seed=0)
    assert len(views) == len(set(views)) == 40 and views[: len(classic_pool())] == classic_pool()
    assert views == pool(sources("randaugment", None), 40, seed=0) != pool(sources("randaugment", None), 40, seed=1)
    masked = Policy.from_dict({"sub_policies": [{"steps": [{"operation": "cutout", "magnitude": 0.5}]}]})
    assert pool([masked], 40, seed=0) == classic_pool(), "nothing but masks: there is nothing to view"
    of_space = pool(sources("space", "default"), 40, seed=0)
    assert len(of_space) == 40 and {"pad-and-crop"} <= {s.operation for view in of_space for s in view.steps}


def test_a_classic_counts_only_at_its_cost():
    names = {way.name for way in of_equal_cost(ways([View()] * 3))}
    assert names == {"identity", "flip", "scales", "2 draws", "3 draws"}


def test_a_mirrored_view_is_found_where_it_helps(done):
    """The network sees the left half, and half of the images are mirrored."""
    one_pass, learned = done.summary.result("identity"), done.summary.result(LEARNED)
    assert one_pass.accuracy.mean < 0.8 < 0.95 < learned.accuracy.mean
    assert any(step.operation == "flip-horizontal" for view in done.policy.views for step in view.steps)
    against_plain = next(pair for pair in done.summary.comparisons if (pair.name, pair.other) == (LEARNED, "identity"))
    assert against_plain.finding == "better"
    assert done.summary.verdict.best in ("flip", "flipped-scales", "flipped-shifts")
    assert done.summary.verdict.use in (LEARNED, done.summary.verdict.best)
    assert "passes per image" in done.summary.sentence and done.summary.sentence.endswith("(read 1 of the test part)")


def test_results_hold_together(done):
    summary = done.summary
    assert list(summary.trace) == sorted(summary.trace) and len(summary.trace) == len(done.policy.views)
    for result in summary.results:
        assert len(result.accuracies) == 3 and np.mean(result.accuracies) == pytest.approx(result.accuracy.mean)
        assert result.log_likelihood.low <= result.log_likelihood.mean <= result.log_likelihood.high
        assert result.passes == len(result.views) or result.kind == "draws"
    assert {result.name for result in summary.results} >= {*CLASSICS, LEARNED, "2 draws", "5 draws", "10 draws"}
    assert all(result.seconds > 0 for result in summary.results if result.kind != "prefix")
    assert plain(read_tta(done.folder).summary) == plain(summary)


def test_the_exported_file_predicts_what_was_judged(done, place):
    """With the kept networks, on the test part: the same accuracy and the same calibrated log-likelihood."""
    views = imported(done.folder / "learned_views.py", "learned_views").TestTimeViews()
    dataset = load_data(place)
    images, labels = torch.from_numpy(np.array(dataset.x_test)), torch.from_numpy(np.array(dataset.y_test))
    learned = done.summary.result(LEARNED)
    for place_of, answers, normalise in networks_of(done, place):
        with torch.no_grad():
            logits = answers(normalise(views(images).flatten(0, 1))).unflatten(0, (len(images), len(done.policy.views)))
        p = views.average(logits)
        assert float((p.argmax(1) == labels).double().mean()) == pytest.approx(learned.accuracies[place_of], abs=1e-12)
        likelihood = float(p.log()[torch.arange(len(labels)), labels].mean())
        assert likelihood == pytest.approx(learned.log_likelihoods[place_of], abs=1e-6)


def load_data(place: Path):
    from policysearch.study.config import make_config

    return load(make_config({"data": str(place / "patches.npz")}))


def networks_of(done: Tta, place: Path):
    """(which, answers, normalise) of the kept networks, read without the experiment."""
    from policysearch.child.device_data import on_device
    from policysearch.datasets.split import split

    dataset = load_data(place)
    data = on_device(dataset, split(dataset, None, 0), torch.device("cpu"))
    weights = {}
    for path in (done.folder / "networks").iterdir():
        content = torch.load(path, weights_only=True)
        weights[content["key"]["seed"]] = content["state"]
    from policysearch.core.seeds import child_seed

    module = imported(place / "half.py", "half")
    for number in range(3):
        network = module.Half(1, 3, 12, 12)
        network.load_state_dict(weights[child_seed(0, 2_000_000 + number)])
        yield number, network.eval(), data.normalise


@pytest.mark.slow
def test_the_networks_are_those_of_an_evaluation(done, place, tmp_path):
    from policysearch import EvaluateSettings, evaluate

    settings = EvaluateSettings(against="identity", seeds=2)
    judged = evaluate("identity", settings, values(place, tmp_path / "e")).summary
    assert judged.measured.of("identity", "accuracy").tolist() == list(done.summary.result("identity").accuracies[:2])


def forbid(monkeypatch, *names: str) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("this must not be done again")

    for name in names:
        monkeypatch.setattr(name, never)


def test_the_same_command_again_trains_nothing_and_reads_nothing(done, place, monkeypatch):
    before = {path.name: path.read_bytes() for path in done.folder.iterdir() if path.suffix in (".json", ".jsonl")}
    forbid(
        monkeypatch,
        "policysearch.experiments.session.workplace",
        "policysearch.experiments.evaluation.pinned.hash_of_test_part",
        "policysearch.experiments.tta.run.Networks.on_validation",
        "policysearch.experiments.tta.run.Networks.on_test",
    )
    again = tta("identity", SMALL, values(place, done.folder))
    assert plain(again.summary) == plain(done.summary) and again.policy == done.policy
    assert {name: (done.folder / name).read_bytes() for name in before} == before


@pytest.mark.slow
def test_two_searches_are_equal_but_for_the_clock(done, place, tmp_path):
    other = tta("identity", SMALL, values(place, tmp_path / "other"))
    assert other.policy.hash == done.policy.hash
    results = [
        [(r.name, r.accuracies, r.log_likelihoods, r.temperature) for r in t.summary.results] for t in (done, other)
    ]
    assert results[0] == results[1]


class Stop(BaseException):
    """A kill, as far as a process can raise one."""


STEPS = (
    "policysearch.experiments.tta.run.Networks.on_validation",
    "policysearch.experiments.tta.run.chosen",
    "policysearch.experiments.tta.run.enter_in_ledgers",
    "policysearch.experiments.tta.run.Networks.on_test",
    "policysearch.experiments.tta.run.write_files",
    "policysearch.experiments.tta.run.write_summary",
)


@pytest.mark.parametrize("step", slow_but(STEPS[2:3], STEPS), ids=lambda step: step.rpartition(".")[2])
def test_a_search_goes_on_after_a_kill_at_any_step(done, place, tmp_path, monkeypatch, step):
    """Its result is that of one that was not stopped, the networks are not trained again, and test is read once."""

    def stop(*_: object, **__: object) -> None:
        raise Stop

    shutil.copytree(done.folder, tmp_path / "killed")
    for name in ("tta.json", "choice.json", NAME, "learned_views.json"):
        (tmp_path / "killed" / name).unlink()
    with monkeypatch.context() as patch, pytest.raises(Stop):
        patch.setattr(step, stop)
        tta("identity", SMALL, values(place, tmp_path / "killed"))
    forbid(monkeypatch, "policysearch.experiments.session.workplace")
    whole = tta("identity", SMALL, values(place, tmp_path / "killed"))
    assert whole.policy.hash == done.policy.hash and whole.summary.looks.total == 1
    assert [r.accuracies for r in whole.summary.results] == [r.accuracies for r in done.summary.results]


def test_a_lost_network_is_trained_again_to_the_same_weights(done, place, tmp_path):
    shutil.copytree(done.folder, tmp_path / "lost")
    (tmp_path / "lost" / "tta.json").unlink()
    lost, damaged, _ = sorted((tmp_path / "lost" / "networks").iterdir())
    before = torch.load(lost, weights_only=True)["state"]
    lost.unlink()
    damaged.write_bytes(b"PK")
    with pytest.warns(UserWarning, match="was trained again, for network-"):
        again = tta("identity", SMALL, values(place, tmp_path / "lost"))
    after = torch.load(lost, weights_only=True)["state"]
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert again.policy.hash == done.policy.hash


@pytest.mark.slow
def test_more_networks_or_other_views_are_another_reading_that_is_said(done, place, tmp_path):
    shutil.copytree(done.folder, tmp_path / "more")
    more = tta("identity", SMALL.model_copy(update={"views": 2}), values(place, tmp_path / "more"))
    assert more.summary.looks.number == more.summary.looks.total == 2
    assert "read 2 of the test part" in more.summary.sentence
    assert any("read 2 of 2" in text for text in more.summary.cautions)
    with pytest.raises(UserError, match="--seeds 2 is fewer than the 3"):
        tta("identity", SMALL.model_copy(update={"seeds": 2}), values(place, tmp_path / "more"))
    assert len(reads(tmp_path / "more")) == 2


def choice_with(place: Path, out: Path, test_labels: np.ndarray | None, done: Tta) -> str:
    """The hash of what is chosen where the test part has other labels."""
    shutil.copytree(done.folder / "networks", out / "networks")
    content = dict(np.load(place / "patches.npz"))
    if test_labels is not None:
        content["y_test"] = test_labels
    np.savez(out / "patches.npz", **content)
    shutil.copy(place / "half.py", out / "half.py")
    return tta("identity", SMALL, values(place, out / "run", data=str(out / "patches.npz"))).policy.hash


def depends_on_test(place: Path, folder: Path, done: Tta) -> bool:
    """Whether the choice is another one where the labels of the test part are others."""
    for name in ("as-is", "turned"):
        (folder / name).mkdir()
    turned = (np.load(place / "patches.npz")["y_test"] + 1) % 3
    return choice_with(place, folder / "as-is", None, done) != choice_with(place, folder / "turned", turned, done)


@pytest.mark.slow
def test_the_choice_does_not_depend_on_the_test_part(done, place, tmp_path):
    assert not depends_on_test(place, tmp_path, done)


@pytest.mark.slow
def test_a_planted_choice_on_the_test_part_is_caught(done, place, tmp_path, monkeypatch):
    """The check above sees a search that looks at test labels."""

    def leaking(fingerprint, views, of_views, of_draws, labels, most, seed):
        return chosen(fingerprint, views, of_views, of_draws, peek.labels_of_test[: len(labels)], most, seed)

    class peek(Networks):
        labels_of_test: np.ndarray

        def __init__(self, prepared, rows, warn):
            super().__init__(prepared, rows, warn)
            peek.labels_of_test = np.asarray(prepared.dataset.y_test)

    monkeypatch.setattr("policysearch.experiments.tta.run.Networks", peek)
    monkeypatch.setattr("policysearch.experiments.tta.run.chosen", leaking)
    assert depends_on_test(place, tmp_path, done)


def test_views_that_were_changed_after_the_reading_are_caught(done, tmp_path):
    must_agree_with_ledger(done.summary, done.folder)
    shutil.copytree(done.folder, tmp_path / "changed")
    document = json.loads((tmp_path / "changed" / "tta.json").read_text())
    document["hashes"]["learned"] = TtaPolicy(views=classic_views("scales")).hash
    (tmp_path / "changed" / "tta.json").write_text(json.dumps(document))
    with pytest.raises(UserError, match="worth nothing"):
        must_agree_with_ledger(read_summary(tmp_path / "changed"), tmp_path / "changed")


def test_a_choice_of_other_settings_is_not_taken_over(done):
    stored = json.loads((done.folder / "choice.json").read_text())
    assert read_choice(done.folder, stored["fingerprint"]) is not None
    assert read_choice(done.folder, "other") is None


def test_the_page_says_it_all(done):
    text = page(done.summary, reads(done.folder))
    assert "learned" in text and "ten-crops" in text and "typed" in text and text.count("<svg") == 2
    assert done.policy.views[0].words in text
    markdown = (done.folder / "tta.md").read_text()
    assert "ten-crops" in markdown and "typed" in markdown


@pytest.fixture(scope="module")
def searched(place):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("policysearch.experiments.search.run.write_picture", lambda *_: None)
        patch.setattr("policysearch.experiments.search.run.write_page", lambda *_: None)
        patch.setattr("workers.evaluate.ChildSetup", QuickSetup)
        same = values(place, place / "searched")
        same.pop("out")
        search(config_for(place / "searched", **same))
    return place / "searched"


@pytest.mark.slow
def test_a_search_gives_its_policy_data_and_ledger(searched, place, tmp_path):
    shutil.copytree(searched, tmp_path / "searched")
    views = TtaSettings(seeds=2, views=2, candidates=30, candidates_from="space")
    result = tta(tmp_path / "searched", views, {"out": str(tmp_path / "tta")})
    assert result.summary.about["policy"] == Policy.load(searched / "policy.json").name
    assert result.summary.about["images"] == 160 and result.summary.about["candidates"] == 30
    assert [line["evaluation"] for line in reads(tmp_path / "searched")] == [
        line["evaluation"] for line in reads(tmp_path / "tta")
    ]
    with pytest.raises(UserError, match="holds a test-time policy already"):
        tta(tmp_path / "tta", views, {"out": str(tmp_path / "again")})


@pytest.mark.slow
def test_data_that_changed_since_the_search_are_refused(searched, place, tmp_path):
    shutil.copytree(place, tmp_path / "all", ignore=shutil.ignore_patterns("done", "controller.lock"))
    write_patches(tmp_path / "all", seed=5)
    config = tmp_path / "all" / "searched" / "config.toml"
    config.write_text(config.read_text().replace(str(place), str(tmp_path / "all")))
    with pytest.raises(UserError, match="changed since"):
        tta(tmp_path / "all" / "searched", SMALL, {"out": str(tmp_path / "tta")})
    assert not (tmp_path / "tta").exists()


def write_unfit_policies(folder: Path) -> None:
    """Policies that children of these data cannot be trained under."""
    plain = {"sub_policies": [{"steps": [{"operation": "soft-crop", "magnitude": 0.2}]}]}
    softening = {"k": 2, "spread": "confusion"}
    for name, parts in {
        "line-join": {"mix": {"operation": "line-join", "probability": 0.5}},
        "spread": {"softening": softening},
        "ninth": {"classes": {"9": plain}},
    }.items():
        (folder / f"{name}.json").write_text(Policy.from_dict({**plain, **parts}).to_json())


def test_what_is_wrong_is_one_sentence_before_anything_is_written(cli, place, searched, tmp_path, monkeypatch):
    monkeypatch.setattr("policysearch.experiments.tta.prepare._MOST_BYTES", 10**6)
    data = ("--data", str(place / "patches.npz"))
    (tmp_path / "unfinished").mkdir()
    shutil.copy(searched / "config.toml", tmp_path / "unfinished" / "config.toml")
    (tmp_path / "judged").mkdir()
    (tmp_path / "judged" / "evaluation.toml").write_text("")
    write_unfit_policies(tmp_path)
    for words, reason in (
        (("results/none", *data), "there is no folder or file"),
        (("unfinished",), "holds no policy.json yet"),
        (("judged",), "has not ended"),
        (("identity", *data, "--views", "0"), "views"),
        (("identity", *data, "--seeds", "1"), "seeds"),
        (("identity", *data, "--candidates-from", "space"), "needs the folder of a search"),
        (("identity", *data, "--candidates-from", "randaugmnt"), "randaugment"),
        (("identity", *data, "--pool", "ray"), "give --pool local"),
        (("identity", *data, "--task", "self-supervised"), "tta does not go with --task self-supervised"),
        (("identity", "--data", "none.npz"), "none.npz"),
        (("simsiam-sa1", *data), "policy simsiam-sa1 has 'pair', which does not go with --task classification"),
        (("line-join.json", *data), "has 'line-join'"),
        (("spread.json", *data), "a test-time policy does not measure it"),
        (("ninth.json", *data), "class '9': the data have classes"),
        (("identity", *data, "--candidates", "60", "--seeds", "30"), "fewer --candidates"),
    ):
        code, _, err = cli(*words, "--out", "tta")
        assert code == 2 and reason in err and err.count("\n") == 1, (words, err)
        assert not (tmp_path / "tta").exists(), words


def test_other_settings_of_the_training_are_refused(done, place):
    with pytest.raises(UserError, match="epochs is 5, was 4"):
        tta("identity", SMALL, values(place, done.folder, epochs=5))


def test_a_worker_keeps_the_network_only_where_it_is_asked(place, tmp_path):
    from policysearch.child.recipe import Recipe
    from policysearch.child.variant import Variant
    from policysearch.core.trial import Trial

    train = ChildSetup(load_data(place), None, 0, f"{place / 'half.py'}:Half", Recipe(batch=32), "cpu")()
    trial = {"number": 0, "arm": "a", "policy": Policy.preset("identity").to_json(), "replicate": 0, "seed": 3}
    task = Variant(networks=str(tmp_path / "networks")).to_json()
    plain = train(Trial(**trial, images=60, epochs=1))
    assert not (tmp_path / "networks").exists()
    same = train(Trial(**trial, images=60, epochs=1, task=task))
    assert plain["loss"] == same["loss"] and (tmp_path / "networks" / "network-3.pt").exists()


@pytest.mark.slow
def test_the_blocks_of_the_guide_run(done, place, tmp_path, monkeypatch):
    """On data that train in a moment."""
    using, searching = python_pages()["tta"]
    settings = '{"out": "results/mine-tta-python", "workers": 2}'
    assert settings in searching and "results/mine" in searching
    names: dict = {"__name__": "__main__"}
    same = searching.replace(settings, repr(values(place, tmp_path / "run"))).replace("results/mine", "identity")
    exec(same.replace("seeds=5, views=5", "seeds=2, views=2, candidates=20"), names)
    assert len(names["result"].policy.views) <= 2
    monkeypatch.syspath_prepend(str(done.folder))
    images = torch.zeros(4, 1, 12, 12, dtype=torch.uint8)
    names |= {"images": images, "network": torch.nn.Flatten(), "normalise": lambda views: views.float()}
    exec(using, names)
    assert names["probabilities"].shape == (4, 144)


def test_report_and_show_take_the_folder(done, monkeypatch, capsys, tmp_path):
    code, out, err = call(monkeypatch, capsys, "show", str(done.folder))
    assert code == 0 and "the learned test-time policy of" in out, err
    code, _, err = call(monkeypatch, capsys, "resume", str(done.folder))
    assert code == 2 and "test-time policy" in err
