"""What was skipped, and why, is said at the end of a run."""

from __future__ import annotations

from tests.conftest import skip_summary


def test_reasons_are_counted_and_the_most_frequent_comes_first():
    reasons = ["no GPU", "mlflow is not installed", "no GPU"]
    assert skip_summary(reasons) == ["2 skipped: no GPU", "1 skipped: mlflow is not installed"]
    assert skip_summary([]) == []
