"""Plant faults in the numbers that people read, one at a time, and see whether a test fails.

    python mutants.py > mutants.md        # with words after it, only files whose names hold one of them

The package and its tests are copied to a temporary folder. Each mutant is a replacement of a text that stands once in
its file; the tests named beside the file are run on it in a process of its own, and a mutant that passes them all has
survived. The exit code is the number of survivors.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PARTS = ("policysearch", "search_spaces", "workers", "tests", "results", "pyproject.toml")

STATS = ("tests/stats/test_paired.py",)
COMPARISON = (*STATS, "tests/experiments/test_comparison_statistics.py", "-k", "hand or wilson or blind or promise")
VERDICT = ("tests/experiments/test_verdict.py", "-k", "not rarely and not real")  # those two are slow, and statistical
SUMMARY = ("tests/experiments/test_summary.py",)
NUMBERS = ("tests/reports/test_numbers.py",)
WORDS = ("tests/policy/test_describe.py",)
SENTENCE = ("tests/experiments/test_evaluation_statistics.py", "-k", "sentence or grid or without or costs or worse")

SEARCH = "policysearch/experiments/search/"
MUTANTS: dict[str, tuple[tuple[str, ...], list[tuple[str, str]]]] = {
    "policysearch/stats/intervals.py": (
        COMPARISON,
        [
            ("LEVEL = 0.95", "LEVEL = 0.9"),
            ("n - 1)) * error if n > 1", "n)) * error if n > 1"),
            ("* error if n > 1", "* 2 * error if n > 1"),
            ("Estimate(mean, mean - half, mean + half)", "Estimate(mean, mean + half, mean - half)"),
            ("np.sort(values, 0).std(0, ddof=1)", "np.sort(values, 0).std(0)"),
            (" / np.sqrt(len(values)))", ")"),
            ("len(together) - 1)", "len(values) - 1)"),
            ("np.clip(centre - half, 0, mean)", "centre - half"),
            ("np.maximum(centre + half, mean)", "mean + half"),
            ("z2 / (4 * n**2)", "0"),
            ("(share + z2 / (2 * n))", "share"),
        ],
    ),
    "policysearch/stats/paired.py": (
        STATS,
        [
            ("self.difference.low > 0 or self.difference.high < 0", "self.difference.low > 0"),
            ("self.difference.low > 0 or self.difference.high < 0", "self.difference.high < 0"),
            ("return self.holm <= ALPHA", "return self.p <= ALPHA and self.holm > ALPHA"),
            ("np.abs(gaps).sum()", "gaps.sum()"),
            (" / images) / len(gaps)", " / images)"),
            ("return math.sqrt(float(np.abs(gaps).sum()) / images)", "return (float(np.abs(gaps).sum()) / images)"),
            ("gaps = ours - theirs", "gaps = theirs - ours"),
            ("max(float(standard_error(gaps)), count_error(gaps, images))", "float(standard_error(gaps))"),
            ("max(float(standard_error(gaps)), count_error(gaps, images))", "count_error(gaps, images)"),
            ("half = float(t_quantile((1 + LEVEL) / 2, n - 1))", "half = float(t_quantile((1 + LEVEL) / 2, n))"),
            ("half = float(t_quantile((1 + LEVEL) / 2, n - 1))", "half = float(t_quantile(LEVEL, n - 1))"),
            ("error, detectable(half, n - 1), p=p", "error, half, p=p"),
            ("2 * t_tail(", "t_tail("),
            ("abs(mean) / error, n - 1)", "abs(mean) / error, n)"),
            ("np.sort(theirs[:n] - ours[:n])", "np.sort(ours[:n] - theirs[:n])"),
            ("imagined = (-blind, blind) if", "imagined = () if"),
            ("holm([pair.p for pair in pairs])", "[pair.p for pair in pairs]"),
        ],
    ),
    "policysearch/stats/best_of_several.py": (
        STATS,
        [
            ("(table.shape[0] - 1) * (table.shape[1] - 1)", "table.shape[0] * (table.shape[1] - 1)"),
            ("table - table.mean(0, keepdims=True) - table", "table - table"),
            (" - table.mean(1, keepdims=True) + table.mean()", " - table.mean(1, keepdims=True)"),
            ("factor = range_factor(len(values), freedom)", "factor = range_factor(2, freedom)"),
            ("picked_from = len(values) - len(others)", "picked_from = 1"),
            ("picked_from = len(values) - len(others)", "picked_from = len(values)"),
            ("_one_of(picked_from * len(others), freedom)", "_one_of(picked_from, freedom)"),
            ("closest = min(gaps", "closest = max(gaps"),
            ("float(np.min(lows)), float(np.min(highs))", "float(np.max(lows)), float(np.min(highs))"),
            ("float(np.min(lows)), float(np.min(highs))", "float(np.min(lows)), float(np.max(highs))"),
            ("if not low > negligible)", "if not low > 0)"),
            ("return float(self.gaps.mean())", "return -float(self.gaps.mean())"),
            ("self.deviation * math.sqrt(2 / n)", "self.deviation * math.sqrt(1 / n)"),
            ("self.deviation * math.sqrt(2 / n)", "self.deviation"),
            (", of_pair, of_counts)", ", of_counts)"),
            (", of_pair, of_counts)", ", of_pair)"),
            ("(factor + float(t_quantile(POWER, freedom))) * self.error", "factor * self.error"),
            ("return error if error > _ROUNDING else math.nan", "return error"),
            ("1 - (1 - LEVEL) / (2 * count)", "1 - (1 - LEVEL) / count"),
            ("studentized_range.ppf(LEVEL, things", "studentized_range.ppf(0.9, things"),
            (" / math.sqrt(2)\n", "\n"),
        ],
    ),
    SEARCH + "summary.py": (
        SUMMARY,
        [
            ("deviation / np.sqrt(n) if n and freedom", "deviation if n and freedom"),
            ("deviation / np.sqrt(n) if n and freedom", "deviation / np.sqrt(n) if n"),
            ("student(self.mean, self.error, self.freedom + 1)", "student(self.mean, self.error, self.freedom)"),
            (
                "student(self.mean, self.error, self.freedom + 1)",
                "student(self.shrunken, self.error, self.freedom + 1)",
            ),
            ("freedom = int((pulls - 1).sum())", "freedom = int(pulls.sum())"),
            ("together.std(ddof=1) / np.sqrt(2)", "together.std(ddof=1)"),
            ("float(rewards.mean()) if n", "float(np.median(rewards) + 0.01) if n"),
            ("sum(row.state == FAILED for row in rows)", "sum(row.state != COMPLETE for row in rows)"),
            ("row.state == COMPLETE for row in rows) - n", "row.state == COMPLETE for row in rows)"),
            ("return max((row.fidelity", "return min((row.fidelity"),
            ("row.state == COMPLETE and row.fidelity == fidelity]", "row.state == COMPLETE]"),
            ("return -round(summary.shrunken, 12)", "return round(summary.shrunken, 12)"),
            ("(*best[:count]", "(*best[: count + 1]"),
            ("arms.setdefault(arm.key, arm)", "arms[str(len(arms))] = arm"),
            ("sum(row.seconds for row in rows)", "max(row.seconds for row in rows)"),
        ],
    ),
    SEARCH + "tables.py": (
        SUMMARY,
        [
            ("unit.estimate(s.interval), unit.value(s.shrunken)", "unit.value(s.mean), unit.value(s.shrunken)"),
            ("unit.value(s.shrunken), f", "unit.value(s.mean + 1), f"),
            ("hidden = len(summaries) - most", "hidden = len(summaries)"),
            ("not any(s.freedom for s in summaries)", "False"),
            ('f" (+{summary.failures} failed)" if summary.failures', '"" if summary.failures'),
        ],
    ),
    SEARCH + "verdict.py": (
        VERDICT,
        [
            ("if learned is not None and learned.hardly:\n            return", "if False:\n            return"),
            ("if learned is not None and learned.hardly:\n        key", "if False:\n        key"),
            ("len(rewards[arm.key]) == most}", "len(rewards[arm.key])}"),
            ("if simplest != best:", "if False:"),
            ("if not _leads_clearly(pair)]", "if _leads_clearly(pair)]"),
            ("if best in finalists.free:", "if False:"),
            ("    if not lead.unsure:\n        text", "    if True:\n        text"),
            ("use = _simplest_of(finalists, lead.unsure)", "use = lead.unsure[-1]"),
            ("next(key for key in keys if key == best or finalists.is_tied(best, key))", "best"),
            ("{unit.change(lead.pair.difference)} over", "{unit.size(lead.pair.difference.mean)} over"),
            ('"one replicate" if n == 1 else f"n = {n}"', 'f"n = {n + 1}"'),
            ("return images if bool(", "return images if not bool("),
        ],
    ),
    SEARCH + "finalist_rewards.py": (
        VERDICT,
        [
            ("NEGLIGIBLE = 1e-4", "NEGLIGIBLE = 0.0"),
            ("max(alone, count_error(gaps, self.images), NEGLIGIBLE)", "NEGLIGIBLE"),
            ("max(alone, count_error(gaps, self.images), NEGLIGIBLE)", "max(alone, NEGLIGIBLE)"),
            ("max(alone, count_error(gaps, self.images), NEGLIGIBLE)", "10 * alone"),
            ("leads(best, self.rewards, others, self.images)", "leads(best, self.rewards, others)"),
            ("self.fixed(), self.images, NEGLIGIBLE)", "self.fixed(), 0, NEGLIGIBLE)"),
        ],
    ),
    SEARCH + "chance_level.py": (
        VERDICT,
        [
            ("_NEAR_RATIO, _NEAR_SHARE = 0.25, 0.1", "_NEAR_RATIO, _NEAR_SHARE = 0.05, 0.1"),
            ("_NEAR_RATIO, _NEAR_SHARE = 0.25, 0.1", "_NEAR_RATIO, _NEAR_SHARE = 0.25, 1.0"),
            ("_NEAR_RATIO, _NEAR_SHARE = 0.25, 0.1", "_NEAR_RATIO, _NEAR_SHARE = 0.25, 0.01"),
            ("_ERRORS = 2", "_ERRORS = 0"),
            ("min(_NEAR_RATIO * self.largest", "max(_NEAR_RATIO * self.largest"),
            ("self.accuracy <= self.largest + margin", "self.accuracy <= self.largest - margin"),
            ("PERCENT.value(self.accuracy)", "PERCENT.value(self.largest)"),
            ("sum(share == 1 for share in predicted)", "sum(share < 1 for share in predicted)"),
            ('largest = 1 / data["classes"]', "largest = 0.0"),
            ("best = max(accuracies", "best = min(accuracies"),
        ],
    ),
    "policysearch/reports/numbers.py": (
        NUMBERS,
        [
            ("{self.factor * value:{form}", "{value:{form}"),
            ("self.bare(estimate.mean, '+z')", "self.bare(estimate.mean)"),
            ("self.bare(estimate.mean, '+z')", "self.bare(estimate.mean, '+')"),
            ("[{self.bare(estimate.low)}, {self.bare(estimate.high)}]", "[{self.bare(estimate.high)}]"),
            ("return self.value(estimate.mean) + self._interval(estimate)", "return self.value(estimate.mean)"),
            ("self.bare(abs(value))", "self.bare(value)"),
            ('PERCENT = Unit(100, 2, " %", " points")', 'PERCENT = Unit(100, 1, " %", " points")'),
            ('PERCENT = Unit(100, 2, " %", " points")', 'PERCENT = Unit(100, 2, " %", " %")'),
            ('FINE = Unit(100, 3, " %"', 'FINE = Unit(100, 2, " %"'),
            ("FINE if fine else PERCENT", "PERCENT if fine else FINE"),
            ('if p < 0.001 else f"= {p:.3f}"', 'if p < 0.001 else f"= {p:.2f}"'),
            ('"< 0.001" if p < 0.001', '"< 0.001" if p < 0.0001'),
            ("[{form(estimate.low)}, {form(estimate.high)}]", "[{form(estimate.low)}, {form(estimate.low)}]"),
            ('f"{100 * value:.0f} %"', 'f"{value:.0f} %"'),
        ],
    ),
    "policysearch/policy/describe.py": (
        WORDS,
        [
            ('" (weights normalised to mean 1)" if softening.normalise', '"" if softening.normalise'),
            ("if softening.normalise else", "if not softening.normalise else"),
            ('"targets and loss weights"}', '"targets"}'),
            ("{_share(sub.weight / total)}", "{_share(sub.weight)}"),
            ('if n == 1 else f"{n} times {text}"', 'if n == 1 else f"{n + 1} times {text}"'),
            ('sign = "±" if step.draws_sign else ""', 'sign = ""'),
            ("with probability {step.probability:g}", "with probability {1 - step.probability:g}"),
            ("{magnitude.std:.3g}²", "{magnitude.mean:.3g}²"),
            ("(1 - v)^{curve.k:g}", "v^{curve.k:g}"),
            ('"1/classes" if curve.p_min is None', '"0" if curve.p_min is None'),
            ("with probability {mix.probability:g}", "with probability {mix.alpha:g}"),
        ],
    ),
    "policysearch/experiments/evaluation/verdict.py": (
        SENTENCE,
        [
            ('return "better" if pair.difference.mean > 0', 'return "better" if pair.difference.mean < 0'),
            ("PERCENT.change(pair.difference)", "PERCENT.size(pair.difference.mean)"),
            ("p {probability(pair.holm)}", "p {probability(1 - pair.holm)}"),
            ("min(1.0, _choices(measured) * pair.holm)", "pair.holm"),
            ('finding == "better" or measured.searched in measured.fixed else best', "True else best"),
            ("{PERCENT.size(pair.detectable)} could have been seen", "{PERCENT.size(pair.detectable)}"),
        ],
    ),
}


def listed() -> Iterator[tuple[str, tuple[str, ...], str, str]]:
    """File, tests, old text and new text of every mutant."""
    for file, (tests, pairs) in MUTANTS.items():
        for old, new in pairs:
            yield file, tests, old, new


def fails(folder: Path, tests: tuple[str, ...]) -> bool:
    """Whether any of the tests fails in the copy; run in a fork of this process, which has the libraries loaded."""
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        sys.path.insert(0, str(folder))
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        import pytest

        os._exit(int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests])))
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, 1, 2):  # passed, failed, or could not even be imported
        raise SystemExit(f"pytest ended with {code} on {tests}")
    return code != 0


def write(path: Path, text: str, version: int) -> None:
    """Write a file with a time of its own, by which Python knows that what it compiled before is another's."""
    path.write_text(text, encoding="utf-8")
    os.utime(path, (2_000_000_000 + version,) * 2)


def copied(folder: Path) -> None:
    """The package and its tests; the results, which are only read, as a link."""
    for part in PARTS:
        source, target = ROOT / part, folder / part
        if part == "results":
            target.symlink_to(source)
        elif source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)


def main(words: list[str]) -> int:
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() not in (ROOT, Path(__file__).parent)]
    os.environ["OMP_NUM_THREADS"] = "1"
    import matplotlib.figure  # noqa: F401
    import optuna  # noqa: F401
    import pydantic  # noqa: F401
    import rich.table  # noqa: F401
    import scipy.stats  # noqa: F401
    import sqlalchemy  # noqa: F401
    import torch  # noqa: F401

    chosen = {file: value for file, value in MUTANTS.items() if not words or any(word in file for word in words)}
    survivors: list[str] = []
    print("| file | mutants | caught |\n| - | - | - |")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copied(folder)
        for file, (tests, pairs) in chosen.items():
            text = (folder / file).read_text(encoding="utf-8")
            if fails(folder, tests):
                raise SystemExit(f"{tests} fail without any mutant")
            caught = 0
            for number, (old, new) in enumerate(pairs):
                if text.count(old) != 1:
                    raise SystemExit(f"{file}: {old!r} stands {text.count(old)} times")
                write(folder / file, text.replace(old, new), number)
                found = fails(folder, tests)
                caught += found
                survivors += [] if found else [f"{file}: `{old}` -> `{new}`"]
            write(folder / file, text, len(pairs))
            print(f"| {file} | {len(pairs)} | {caught} |", flush=True)
    total = sum(len(pairs) for _, pairs in chosen.values())
    print(f"| **all** | {total} | {total - len(survivors)} |\n")
    print("\n".join(f"survived: {text}" for text in survivors) or "No mutant survived.")
    return len(survivors)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
