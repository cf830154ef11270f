"""Imports go one way, and what must stay light stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import policysearch

ROOT = Path(policysearch.__file__).parent.parent
LAYERS = [
    [
        "policysearch.errors",
        "policysearch.files",
        "policysearch.frozen",
        "policysearch.flags",
        "policysearch.own_code",
        "policysearch.published",
        "policysearch.operations",
        "policysearch.seeds",
        "policysearch.trials",
        "policysearch.__init__",
        "search_spaces",
    ],
    [
        "policysearch.steps",
        "policysearch.datasets",
        "policysearch.storages",
        "policysearch.shipping",
        "policysearch.intervals",
        "policysearch.pages",
    ],
    ["policysearch.mixes", "policysearch.softening"],
    ["policysearch.policy"],
    [
        "policysearch.presets",
        "policysearch.features",
        "policysearch.schedules",
        "policysearch.words",
        "policysearch.loss",
        "policysearch.rules",
        "policysearch.shrinkage",
        "policysearch.rewards",
    ],
    ["policysearch.templates"],
    ["policysearch.families"],
    [
        "policysearch.augmentation",
        "policysearch.spaces",
        "policysearch.grids",
        "policysearch.sampler",
        "policysearch.trial_history",
        "policysearch.seeded",
        "policysearch.controller",
        "policysearch.budget",
    ],
    ["policysearch.child", "policysearch.record"],
    ["workers", "policysearch.config", "policysearch.summary", "policysearch.strategies", "policysearch.run_folder"],
    ["policysearch.policy_source", "policysearch.export"],
    [
        "policysearch.verdict",
        "policysearch.checks",
        "policysearch.pools",
        "policysearch.pulls",
        "policysearch.studies",
        "policysearch.preview",
    ],
    ["policysearch.report", "policysearch.tracking"],
    ["policysearch.reporting"],
    ["policysearch.results"],
    ["policysearch.runs", "policysearch.comparison"],
    ["policysearch.evaluation", "policysearch.calibration"],
    ["policysearch.console"],
    ["policysearch.kinds"],
    ["policysearch.commands"],
    ["policysearch.cli"],
    ["policysearch.__main__"],
]
LATE = {  # what methods of a policy look up when called
    ("policysearch.policy", "policysearch.presets"),
    ("policysearch.policy", "policysearch.export.formats"),
}
MAY_IMPORT_TORCH = (
    "policysearch.augmentation",
    "policysearch.child",
    "policysearch.preview",
    "policysearch.tracking.to_tensorboard",
    "policysearch.checks",
    "policysearch.export.capability",
    "policysearch.export.capability_table",
    "policysearch.export.templates",
    "workers.evaluate",
)
MAY_IMPORT_RAY = ("workers.cluster", "workers.ray_pool")
MAY_IMPORT_OPTUNA = (
    "policysearch.grids",
    "policysearch.sampler",
    "policysearch.seeded",
    "policysearch.trial_history",
    "policysearch.record",
    "policysearch.strategies",
    "policysearch.storages",
    "policysearch.comparison.replay",
    "policysearch.studies",
    "policysearch.reporting.importance",
)
STANDARD_OF_RULES = {"__future__", "collections", "dataclasses", "inspect", "operator", "typing"}


def modules():
    for package in ("policysearch", "search_spaces", "workers"):
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)
            yield name, imports(ast.parse(path.read_text(encoding="utf-8")))


def imports(tree: ast.AST) -> set[str]:
    checking = [n for n in ast.walk(tree) if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING"]
    skipped = {id(n) for block in checking for n in ast.walk(block)}
    out = set()
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, "imports are absolute"
            out.add(node.module)
        elif isinstance(node, ast.Import):
            out |= {alias.name for alias in node.names}
    return out


def layer(name: str) -> int:
    name = {"policysearch": "policysearch.__init__", "search_spaces.__init__": "search_spaces"}.get(name, name)
    for i, members in enumerate(LAYERS):
        if any(name == m or name.startswith(m + ".") for m in members):
            return i
    raise AssertionError(f"{name} has no place in LAYERS")


def test_imports_go_one_way():
    for name, used in modules():
        for other in used:
            if other.partition(".")[0] in ("policysearch", "search_spaces", "workers") and (name, other) not in LATE:
                same_room = name.rpartition(".")[0] == other.rpartition(".")[0] or other.startswith(name + ".")
                assert layer(other) < layer(name) or (
                    layer(other) == layer(name) and (same_room or name.startswith(other.rpartition(".")[0]))
                ), (name, other)


def test_torch_optuna_and_ray_have_their_corners():
    for name, used in modules():
        roots = {u.partition(".")[0] for u in used}
        assert "torch" not in roots or name.startswith(MAY_IMPORT_TORCH), name
        assert "optuna" not in roots or name.startswith(MAY_IMPORT_OPTUNA), name
        assert "ray" not in roots or name in MAY_IMPORT_RAY, name
        if name.startswith("policysearch.rules"):
            assert roots <= {*STANDARD_OF_RULES, "numpy", "policysearch"}, name


def test_importing_the_package_is_light():
    code = "import policysearch, sys; sys.exit(any(m in sys.modules for m in ('torch', 'optuna', 'ray', 'numpy')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_modules_do_not_share_names_with_public_functions():
    taken = {p.stem for p in (ROOT / "policysearch").iterdir()}
    assert not taken & {"augment", "search", "resume", "compare", "evaluate"}
