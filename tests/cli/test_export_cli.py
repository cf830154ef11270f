"""`policysearch export` and `policysearch import`: what they write, and what they refuse without touching anything."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from policysearch.augmentation import register
from policysearch.augmentation.kernels.registry import KERNELS
from policysearch.cli import entry_point as cli
from policysearch.core.errors import UserError
from policysearch.export import capability_table
from policysearch.export.albumentations_dialects import Dialect
from policysearch.export.capability import Cell
from policysearch.export.registry import EXPORTS, export_to
from policysearch.policy.operations import OPERATIONS, SHIPPED_OPERATIONS, Operation
from policysearch.policy.policy import Policy
from policysearch.policy.space_files import load_space
from tests.support.exports import policy

RUN = Path(__file__).parents[2] / "results" / "2026-11-21_first-search"


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def said(capsys, monkeypatch, *arguments: str) -> tuple[int, str]:
    """Exit code and stderr of the command line."""
    monkeypatch.setattr("sys.argv", ["policysearch", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0), capsys.readouterr().err


def told(*arguments: str) -> str:
    done = CliRunner().invoke(cli.app, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize("to", sorted(set(EXPORTS) - {"collate"}))
def test_a_runs_policy_is_written_for_every_library(to):
    out = told("export", str(RUN), "--to", to, "--allow-loss").splitlines()
    written = Path(out[0])
    text = written.read_text()
    assert "482ace382965" in text and (to == "json" or "first-search" in text)
    if written.suffix == ".py":
        use = "_base_.learned_policy" if to == "mmpretrain" else f"from {written.stem} import"
        for part in ("fashion-small", "accuracy", "2026-11-21", "policysearch 0.1.0", use):
            assert part in text, part
    assert all(line.startswith("left out: ") for line in out[1:])


def test_export_to_json_and_import_give_the_policy_again():
    told("export", "randaugment:1,5", "--to", "json", "-o", "mine.json")
    assert Policy.load("mine.json") == Policy.preset("randaugment:1,5")
    told("export", "mine.json", "--to", "timm")
    told("import", "learned_policy.py", "--from", "timm", "-o", "again.json")
    assert Policy.load("again.json") == Policy.preset("randaugment:1,5")
    told("export", "mine.json", "--to", "albumentations", "--allow-loss", "-o", "albu.json")
    told("import", "albu.json", "--from", "albumentations", "-o", "once.json")
    assert Policy.load("once.json") == Policy.preset("randaugment:1,5")
    told("export", "soft-crop", "--to", "albumentations", "--allow-loss", "-o", "albu.json", "--force")
    told("import", "albu.json", "--from", "albumentations", "-o", "soft.json")
    assert Policy.load("soft.json") == Policy.preset("soft-crop"), "the file holds the policy that it was made from"


def test_what_is_left_out_stands_at_the_head_of_the_file():
    out = told("export", "soft-crop", "--to", "timm", "--allow-loss").splitlines()
    text = " ".join(Path(out[0]).read_text().split())
    assert "LEFT OUT" in text and all(line.removeprefix("left out: ") in text for line in out[1:])
    assert Policy.preset("soft-crop").hash in text


def test_imported_policies_are_told_and_named_where_they_differ():
    Path("fa.py").write_text("POLICY = [[('Contrast', 0.5, 0.75), ('Rotate', 0.5, 0.1)]]")
    out = told("import", "fa.py", "--from", "fast-autoaugment", "-o", "fa.json")
    assert "contrast 0.45 with probability 0.5" in out and "not the same: " in out


def test_a_schedule_is_imported_and_goes_where_stages_go():
    weak, strong = [5, 3, *[0] * 58], [9, 9, *[0] * 58]
    Path("pba.txt").write_text(repr(["1", "0", 6, 4, weak, strong]) + "\n")
    told("import", "pba.txt", "--from", "pba", "--epochs", "16", "-o", "pba.json")
    assert [stage.start for stage in Policy.load("pba.json").stages] == [0.25]
    told("import", "pba.txt", "--from", "pba", "--epochs", "16", "-o", "pba.toml")
    assert load_space("pba.toml").arm({"family": "pba-imported"}).policy == Policy.load("pba.json")
    told("export", "pba.json", "--to", "torchvision")
    with pytest.raises(UserError, match="knows no progress of the training"):
        export_to(Policy.load("pba.json"), "timm", Path("other.py"), False, False)


def test_an_imported_policy_can_be_an_arm():
    Path("fa.py").write_text("[[('Contrast', 0.5, 0.75), ('Rotate', 0.5, 0.1)], [('Invert', 1.0, 0.5)]]")
    told("import", "fa.py", "--from", "fast-autoaugment", "-o", "fa.toml")
    told("import", "fa.py", "--from", "fast-autoaugment", "-o", "fa.json")
    arm = load_space("fa.toml").arm({"family": "fa-imported"})
    assert arm.policy == Policy.load("fa.json") and arm.name == "fa-imported"
    told("export", "soft-crop", "--to", "json", "-o", "soft.json")
    told("export", "soft.json", "--to", "albumentations", "--allow-loss", "-o", "albu.json")
    told("import", "albu.json", "--from", "albumentations", "-o", "soft.toml")
    assert load_space("soft.toml").arm({"family": "soft-imported"}).policy == Policy.preset("soft-crop")


NEWER = '{"schema": 99, "sub_policies": [{"steps": []}]}'
EDITED = json.dumps(json.loads((RUN / "policy.json").read_text()) | {"softening": {"k": 3}})
UNKNOWN = '{"sub_policies": [{"steps": [{"operation": "../../x"}]}]}'


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (NEWER, "upgrade policysearch"),
        (EDITED, "edited or damaged"),
        (UNKNOWN, "unknown operation"),
        ('{"sub_policies": [', "not JSON"),
        ("\x80\x04K\x01.", "not JSON"),
        ('{"sub_policies": [{"steps": [{"operation": "rotate\\nimport os", "magnitude": 3}]}]}', "unknown operation"),
    ],
)
def test_bad_policy_files_are_refused(text, complaint, capsys, monkeypatch):
    Path("policy.json").write_text(text)
    code, error = said(capsys, monkeypatch, "export", "policy.json", "--to", "torchvision")
    assert code == 2 and complaint in error and error.count("\n") == 1
    assert [p.name for p in Path().iterdir()] == ["policy.json"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["export", "nothing.json", "--to", "timm"], "cannot read"),
        (["export", "empty", "--to", "timm"], "cannot read"),
        (["export", "started", "--to", "timm"], "resume started"),
        (["export", "randaugmen", "--to", "timm"], "did you mean"),
        (["export", "identity", "--to", "fastai"], "unknown library"),
        (["export", "identity", "--to", "timm", "-o", "policy.json"], "PATH.py"),
        (["export", "identity", "--to", "timm", "-o", "my-policy.py"], "could not be imported"),
        (["export", "identity", "--to", "timm", "-o", "torch.py"], "hide a library"),
        (["export", "identity", "--to", "timm", "-o", "nowhere/x.py"], "folder that exists"),
        (["export", "identity", "--to", "timm", "-o", "there.py"], "--force"),
        (["export", "soft-crop", "--to", "timm"], "add --allow-loss"),
        (["export", "trivialaugment-wide", "--to", "kornia"], "whole batch"),
        (["import", "nothing.py", "--from", "autoaugment"], "cannot read"),
        (["import", "large.py", "--from", "autoaugment"], "larger than any policy"),
        (["import", "there.py", "--from", "autoaugment"], "it has 0"),
        (["import", "there.py", "--from", "keras"], "unknown library"),
        (["import", "list.py", "--from", "autoaugment", "-o", "there.json"], "--force"),
        (["import", "list.py", "--from", "autoaugment", "-o", "there.py"], "PATH.toml"),
        (["import", "list.py", "--from", "autoaugment", "--epochs", "3"], "--epochs is for --from pba"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_nothing_is_written(arguments, complaint, capsys, monkeypatch):
    Path("empty").mkdir()
    Path("started").mkdir()
    shutil.copy(RUN / "config.toml", "started")
    Path("there.py").write_text("mine = None")
    Path("there.json").write_text("mine")
    Path("large.py").write_bytes(b" " * 10_000_001)
    Path("list.py").write_text("[[('Invert', 0.5, 0)]]")
    before = sorted(map(str, Path().rglob("*")))
    code, error = said(capsys, monkeypatch, *arguments)
    assert code == 2 and complaint in error and error.count("\n") == 1
    assert sorted(map(str, Path().rglob("*"))) == before and Path("there.py").read_text() == "mine = None"


@pytest.mark.parametrize("to", ["torchvision", "timm", "kornia", "albumentations"])
def test_every_refusal_names_the_option_that_accepts_the_loss(to, capsys, monkeypatch):
    """A mix by SnapMix is more than any of the libraries can express."""
    Path("mixed.json").write_text(policy({"operation": "invert"}, mix={"operation": "snapmix"}).to_json())
    code, error = said(capsys, monkeypatch, "export", "mixed.json", "--to", to)
    assert code == 2 and "add --allow-loss" in error and "mix" in error
    with pytest.raises(UserError, match="allow_loss=True"):
        getattr(Policy.load("mixed.json"), f"to_{to}")()
    assert told("export", "mixed.json", "--to", to, "--allow-loss").count("left out: ") >= 1


def test_force_replaces_and_a_failed_export_leaves_the_old_file(capsys, monkeypatch):
    Path("learned_policy.py").write_text("old")
    code, _ = said(capsys, monkeypatch, "export", "soft-crop", "--to", "timm", "--force")
    assert code == 2 and Path("learned_policy.py").read_text() == "old"
    told("export", "identity", "--to", "timm", "--force")
    assert "timm" in Path("learned_policy.py").read_text()


def test_operations_of_ones_own_are_refused_by_name():
    register(Operation("darker", "filter"), lambda images, magnitude, numbers: images // 2)
    try:
        mine = policy({"operation": "darker"}, {"operation": "invert"})
        for name in ("torchvision", "timm", "kornia", "albumentations", "keras", "jax", "dali"):
            with pytest.raises(UserError, match="darker is your own"):
                getattr(mine, f"to_{name}")()
        assert len(mine.to_torchvision(allow_loss=True).draw()) == 2
    finally:
        for table in (OPERATIONS, KERNELS):
            table.pop("darker", None)


def test_a_library_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "albumentations", None)
    with pytest.raises(UserError, match=r"pip install 'policysearch\[albumentations\]'"):
        policy({"operation": "invert"}).to_albumentations()


@pytest.mark.parametrize(
    ("library", "extra", "to", "options"),
    [
        ("lightning", "lightning", "lightning", {}),
        ("transformers", "transformers", "huggingface", {"processor": None}),
        ("mmpretrain", "mmpretrain", "mmpretrain", {}),
    ],
)
def test_a_trainers_library_that_is_not_installed_is_named(library, extra, to, options, monkeypatch):
    modules = __import__("sys").modules
    for name in [one for one in modules if one.partition(".")[0] == library or one.endswith(f"{to}_hooks")]:
        monkeypatch.delitem(modules, name)
    monkeypatch.setitem(modules, library, None)
    with pytest.raises(UserError, match=rf"pip install 'policysearch\[{extra}\]'"):
        getattr(policy({"operation": "invert"}), f"to_{to}")(**options)


def test_exporting_json_and_albumentations_imports_no_torch():
    import subprocess
    import sys

    code = (
        "from policysearch.export.registry import export_to; from policysearch import Policy; import sys; "
        "export_to(Policy.preset('identity'), 'albumentations', None, True, True); "
        "export_to(Policy.preset('identity'), 'torchvision', None, True, True); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_table_is_written_by_its_ending(monkeypatch):
    cells = {"timm": {name: Cell() for name in SHIPPED_OPERATIONS}}
    monkeypatch.setattr(capability_table, "measured_table", lambda: cells)
    assert told("export", "--table", "-o", "t.json") == "t.json\n"
    assert json.loads(Path("t.json").read_text())["timm"]["rotate"]["gap"] == 0
    told("export", "--table", "-o", "t.md")
    assert "| rotate | exact |" in Path("t.md").read_text() and "moved along" in Path("t.md").read_text()


def test_the_table_names_the_library_that_is_imported_as_albumentations(monkeypatch):
    monkeypatch.setattr(capability_table, "installed", lambda: Dialect("albumentationsx", "2.5.1"))
    cells = {"albumentations": {name: Cell() for name in SHIPPED_OPERATIONS}}
    assert "albumentationsx 2.5.1." in capability_table.written_table(cells, ".md")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["export"], "export takes a policy and --to"),
        (["export", "soft-crop"], "export takes a policy and --to"),
        (["export", "soft-crop", "--table"], "leave out the policy"),
        (["export", "--table", "-o", "t.csv"], "PATH.json or PATH.md"),
        (["export", "--table", "-o", "mine.md"], "--force replaces it"),
    ],
)
def test_tables_that_are_not_made(words, message, capsys, monkeypatch):
    monkeypatch.setattr(capability_table, "measured_table", lambda: pytest.fail("measured"))
    Path("mine.md").write_text("mine")
    code, error = said(capsys, monkeypatch, *words)
    assert code == 2 and message in error and error.count("\n") == 1
    assert [path.read_text() for path in Path().iterdir()] == ["mine"]


def test_an_evaluation_has_no_policy_to_export(monkeypatch, capsys, tmp_path):
    for name in ("config.toml", "evaluation.toml"):
        (tmp_path / name).write_text("")
    code, error = said(capsys, monkeypatch, "export", str(tmp_path), "--to", "json")
    assert code == 2 and "holds an evaluation, which makes no policy: give the folder of a search" in error
