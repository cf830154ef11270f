"""What a folder of results holds (a search of either kind, an evaluation, test-time views, a comparison): its page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from policysearch.core.errors import UserError
from policysearch.core.files import must_be_writable, write_whole


@dataclass(frozen=True)
class Kind:
    """A kind of folder.

    Attributes:
        mark: name of the file that shows that a folder is of this kind.
        page: name of the page in the folder.
        write: write the page of the folder (first argument) to a file (second argument).
        show: print a summary of the folder.
    """

    mark: str
    page: str
    write: Callable[[Path, Path], None]
    show: Callable[[Path], None]


def kind_of(folder: Path) -> Kind:
    """The kind of a folder.

    Raises:
        UserError: the folder is of no kind.
    """
    for kind in KINDS:
        if (folder / kind.mark).is_file():
            return kind
    raise UserError(
        f"{folder} holds no run (no config.toml), no evaluation and no comparison: give the folder that "
        "`policysearch search`, `online`, `evaluate`, `tta` or `compare` named"
    )


def write_page_of(folder: Path, out: Path | None, force: bool) -> Path:
    """Write the page of a folder: into the folder, where an old one is replaced, or to `out`.

    Returns:
        The file.

    Raises:
        UserError: nothing is written: the folder is of no kind, or `out` is no PATH.html, cannot be written, or
            exists and `force` is False.
    """
    kind = kind_of(folder)
    return _written(folder / kind.page, out, force, lambda target: kind.write(folder, target))


def write_page_of_two(first: Path, other: Path, out: Path | None, force: bool) -> Path:
    """Write a page of two searches: into the first one's folder, where an old one is replaced, or to `out`.

    Returns:
        The file.

    Raises:
        UserError: nothing is written: a folder is of no search, or both are the same; or as for `write_page_of`.
    """
    for folder in (first, other):
        if kind_of(folder).write is not _write_search:
            raise UserError(f"{folder} holds no search of policies: a page of two folders compares two such searches")
    if first.resolve() == other.resolve():
        raise UserError(f"{first} was given twice: give the folders of two different searches")

    def write(target: Path) -> None:
        from policysearch.experiments.search.report.side_by_side import write_both
        from policysearch.experiments.search.result import read_whole

        write_both(read_whole(first), read_whole(other), target)

    return _written(first / f"beside-{other.resolve().name}.html", out, force, write)


def _written(default: Path, out: Path | None, force: bool, write: Callable[[Path], None]) -> Path:
    """Write a page to its default place, where an old one is replaced, or to `out`."""
    target = out or default
    if target.suffix != ".html":
        raise UserError(f"a report is a page: --out takes PATH.html, got {str(target)!r}")
    must_be_writable(target, force or target.resolve() == default.resolve())
    try:
        write(target)
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror or error}") from None
    return target


def _write_search(folder: Path, target: Path) -> None:
    from policysearch.experiments.search.report.page import write_report
    from policysearch.experiments.search.result import read_whole

    write_report(read_whole(folder), target)


def _show_search(folder: Path) -> None:
    from policysearch.cli.show import show_run

    show_run(folder)


def _write_evaluation(folder: Path, target: Path) -> None:
    from policysearch.experiments.evaluation.files import read_evaluation
    from policysearch.experiments.evaluation.report import write_page

    write_page(read_evaluation(folder), folder, target)


def _show_evaluation(folder: Path) -> None:
    from policysearch.experiments.evaluation.files import read_evaluation
    from policysearch.experiments.evaluation.report import show_evaluation

    show_evaluation(read_evaluation(folder), folder)


def _write_comparison(folder: Path, target: Path) -> None:
    """Write the page again from the runs, or copy it where the folder came without them."""
    from policysearch.experiments.comparison.files import read_compare_json, read_comparison
    from policysearch.experiments.comparison.report import write_page
    from policysearch.experiments.comparison.statistics import summary

    page = folder / "compare.html"
    if (folder / "runs.npz").exists() or not page.exists():
        comparison = read_comparison(folder)
        write_page(summary(comparison), comparison, target)
    elif read_compare_json(folder) and target.resolve() != page.resolve():
        write_whole(target, page.read_text(encoding="utf-8"))


def _show_comparison(folder: Path) -> None:
    from policysearch.experiments.comparison.files import read_compare_json

    summary = read_compare_json(folder)
    sentences = [budget["verdict"]["sentence"] for budget in summary["budgets"]]
    print("\n\n".join([*summary["cautions"], *sentences, f"The page: {folder / 'compare.html'}"]))


def _write_online(folder: Path, target: Path) -> None:
    from policysearch.experiments.online.report import write_page
    from policysearch.experiments.online.run import read_online

    result = read_online(folder)
    write_page(result.summary, result.policy, target)


def _show_online(folder: Path) -> None:
    from policysearch.experiments.online.report import show_online
    from policysearch.experiments.online.summary import read_summary

    show_online(read_summary(folder), folder)


def _write_tta(folder: Path, target: Path) -> None:
    from policysearch.experiments.tta.report import write_page
    from policysearch.experiments.tta.summary import read_summary

    write_page(read_summary(folder), folder, target)


def _show_tta(folder: Path) -> None:
    from policysearch.experiments.tta.report import show_tta
    from policysearch.experiments.tta.summary import read_summary

    show_tta(read_summary(folder), folder)


KINDS = (
    Kind("tta.toml", "tta.html", _write_tta, _show_tta),
    Kind("tta.json", "tta.html", _write_tta, _show_tta),
    Kind("online.toml", "report.html", _write_online, _show_online),
    Kind("evaluation.toml", "evaluation.html", _write_evaluation, _show_evaluation),
    Kind("evaluation.json", "evaluation.html", _write_evaluation, _show_evaluation),
    Kind("compare.json", "compare.html", _write_comparison, _show_comparison),
    Kind("config.toml", "report.html", _write_search, _show_search),
)
"""All kinds; a folder is of the first whose mark it holds."""
