"""Operations of one's own in a real search: in this process, in workers, and when a run is taken up again."""

from __future__ import annotations

import sys

import pytest

from policysearch.core.errors import UserError
from policysearch.core.user_code import absolute, import_all
from policysearch.policy.operations import OPERATIONS
from policysearch.policy.policy import Policy

OPERATION = """
from policysearch.augmentation import register
from policysearch import Operation


def checkered(images, magnitude, numbers):
    out = images.clone()
    out[:, :, ::2, ::2] = (out[:, :, ::2, ::2] * (1 - magnitude)[:, None, None, None]).to(out.dtype)
    return out


register(Operation("checkered", "filter", "darkening", 0, 1, 0, False, (0, 0.5)), checkered)
"""
SPACE = """
schema = 1
[[family]]
name = "own"
parameters = { m = [0.2, 0.8] }
[family.policy]
sub_policies = [{ steps = [{ operation = "checkered", magnitude = "$m" }] }]
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "my_operations.py").write_text(OPERATION)
    (tmp_path / "space.toml").write_text(SPACE)
    yield tmp_path
    from policysearch.augmentation.kernels.registry import KERNELS

    OPERATIONS.pop("checkered", None), KERNELS.pop("checkered", None)
    sys.modules.pop("policysearch_own_my_operations", None)


def test_a_search_over_an_operation_of_ones_own(folder, npz):
    from policysearch import SearchConfig, resume, search

    config = SearchConfig(
        data=str(npz),
        space=str(folder / "space.toml"),
        operations=str(folder / "my_operations.py"),
        trials=6,
        images=20,
        epochs=1,
        confirm=1,
        workers=1,
        validation=20,
        out=str(folder / "run"),
    )
    result = search(config)
    own = [s for s in result.summaries if s.arm.policy.name.startswith("own(")]
    assert len(own) == 2 and all(s.pulls for s in own), "workers know the operation"
    assert resume(folder / "run", trials=7).policy is not None


def test_modules_are_imported_once_and_complaints_name_them(folder):
    import_all(str(folder / "my_operations.py"))
    import_all(f" {folder / 'my_operations.py'} , json")
    assert Policy.from_dict({"sub_policies": [{"steps": [{"operation": "checkered", "magnitude": 0.5}]}]})
    for wrong in ("no_such_module", str(folder / "nothing.py")):
        with pytest.raises(UserError, match=r"operations module .* cannot be loaded"):
            import_all(wrong)
    (folder / "broken.py").write_text("1 / 0")
    with pytest.raises(UserError, match="division by zero"):
        import_all(str(folder / "broken.py"))


def test_paths_become_absolute_and_names_stay(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert absolute("mine, here.py") == f"mine,{tmp_path / 'here.py'}"
    assert absolute(None) is None
