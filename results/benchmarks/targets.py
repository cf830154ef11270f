"""Every benchmark against its targets: the section that ends a benchmark's page, and one page of all of them.

Run: python results/benchmarks/targets.py, after the benchmarks. A script that imports this module has targets, and
writes them to the page of its name. The program reads those pages, writes targets.md beside them and prints it; it ends
with 1 where a target is missed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
TITLE = "## Against the targets"
LINK = "#" + TITLE.removeprefix("## ").lower().replace(" ", "-")
HEADS = ("what", "measured", "target", "")
VERDICTS = {True: "met", False: "🔴 missed"}


@dataclass(frozen=True)
class Target:
    """One figure of a benchmark, and what it should be, both in words with their unit."""

    what: str
    measured: str
    wanted: str
    met: bool

    @classmethod
    def at_most(cls, what: str, value: float, limit: float, unit: str = "") -> Target:
        """A figure that should not be above its limit."""
        return cls(what, figure(value, limit, unit), f"at most {figure(limit, limit, unit)}", value <= limit)

    @classmethod
    def at_least(cls, what: str, value: float, limit: float, unit: str = "") -> Target:
        """A figure that should not be below its limit."""
        return cls(what, figure(value, limit, unit), f"at least {figure(limit, limit, unit)}", value >= limit)

    @property
    def cells(self) -> tuple[str, ...]:
        return (self.what, self.measured, self.wanted, VERDICTS[self.met])


def figure(value: float, limit: float, unit: str) -> str:
    """Three digits, and more where those would hide on which side of the limit the value is."""
    digits = 3
    while float(f"{value:.{digits}g}") == limit != value:
        digits += 1
    text = f"{value:,.0f}" if abs(value) > 10**digits - 0.5 else f"{value:.{digits}g}"
    return f"{text} {unit}".rstrip()


def row(cells: Iterable[str]) -> str:
    """A line of a Markdown table; an empty last cell is written without a space for it."""
    return f"| {' | '.join(cells)} |".replace("|  |", "| |")


def section(targets: Iterable[Target]) -> list[str]:
    """The lines that end a benchmark's page."""
    return [TITLE, "", row(HEADS), row("-" * len(HEADS)), *(row(target.cells) for target in targets)]


def targets_of(page: Path) -> list[Target]:
    """The rows of all tables with the heads of a section.

    Raises:
        ValueError: a row is not one that `section` writes.
    """
    targets = []
    in_table = False
    for line in page.read_text(encoding="utf-8").splitlines():
        if in_table and line.startswith("|"):
            if line != row("-" * len(HEADS)):
                targets.append(_target(line, page))
        else:
            in_table = line == row(HEADS)
    return targets


def _target(line: str, page: Path) -> Target:
    cells = line.strip("| ").split(" | ")
    by_verdict = {verdict: met for met, verdict in VERDICTS.items()}
    if len(cells) != len(HEADS) or cells[-1] not in by_verdict:
        raise ValueError(f"{page.name}: {line!r} should have {len(HEADS)} cells, the last {' or '.join(by_verdict)}")
    return Target(*cells[:-1], met=by_verdict[cells[-1]])


def benchmarks(folder: Path) -> list[str]:
    """The names of the scripts that have targets."""
    scripts = sorted(folder.glob("*.py"))
    return [path.stem for path in scripts if re.search("^from targets import", path.read_text("utf-8"), re.MULTILINE)]


def summary(folder: Path) -> tuple[list[str], bool]:
    """The lines of the page of all targets, and whether all that were measured are met."""
    targets_of_page = {page.stem: targets_of(page) for page in sorted(folder.glob("*.md")) if page.stem != "targets"}
    verdicts = [target.met for targets in targets_of_page.values() for target in targets]
    lines = [f"# {verdicts.count(True)} targets met, {verdicts.count(False)} missed", ""]

    unmeasured = [name for name in benchmarks(folder) if not targets_of_page.get(name)]
    if unmeasured:
        lines += [f"Not measured yet: {', '.join(f'`{name}.py`' for name in unmeasured)}.", ""]

    lines += [row(("page", *HEADS)), row("-" * (1 + len(HEADS)))]
    for name, targets in targets_of_page.items():
        lines += [row((f"[{name}]({name}.md{LINK})", *target.cells)) for target in targets]
    return lines, all(verdicts)


def main(folder: Path = FOLDER) -> int:
    lines, all_met = summary(folder)
    (folder / "targets.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))
    return 0 if all_met else 1


if __name__ == "__main__":
    sys.exit(main())
