"""What a folder that a person names holds: a search, an evaluation or a comparison. Each has its page and its words."""

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
        mark: the file that tells it from the others.
        page: the page that stands in the folder.
        write: writes the page of a folder to a file.
        show: prints a folder in brief.
    """

    mark: str
    page: str
    write: Callable[[Path, Path], None]
    show: Callable[[Path], None]


def kind_of(folder: Path) -> Kind:
    """The kind of a folder.

    Raises:
        UserError: it is none of them.
    """
    found = next((kind for kind in _KINDS if (folder / kind.mark).is_file()), None)
    if found is None:
        raise UserError(
            f"{folder} holds no run (no config.toml), no evaluation and no comparison: give the folder that "
            "`policysearch search`, `evaluate` or `compare` named"
        )
    return found


def write_page_of(folder: Path, out: Path | None, force: bool) -> Path:
    """Write the page of a folder: into the folder, where an old one is replaced, or to `out`.

    Returns:
        The file.

    Raises:
        UserError: nothing is written: the folder holds nothing that can be told, or `out` is no PATH.html, cannot be
            written, or is there already and `force` is False.
    """
    kind = kind_of(folder)
    own = folder / kind.page
    target = out or own
    if target.suffix != ".html":
        raise UserError(f"a report is a page: --out takes PATH.html, got {str(target)!r}")
    must_be_writable(target, force or target.resolve() == own.resolve())
    try:
        kind.write(folder, target)
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror or error}") from None
    return target


def _write_search(folder: Path, target: Path) -> None:
    from policysearch.experiments.search.report.page import write_report
    from policysearch.experiments.search.result import read_whole

    write_report(read_whole(folder), target)


def _show_search(folder: Path) -> None:
    from policysearch.cli.show import show_run
    from policysearch.experiments.search.result import read, read_whole

    show_run(read(folder), read_whole(folder))


def _write_evaluation(folder: Path, target: Path) -> None:
    from policysearch.experiments.evaluation.reading import read_evaluation
    from policysearch.experiments.evaluation.report import write_page

    write_page(read_evaluation(folder), folder, target)


def _show_evaluation(folder: Path) -> None:
    from policysearch.experiments.evaluation.reading import read_evaluation
    from policysearch.experiments.evaluation.terminal import show_evaluation

    show_evaluation(read_evaluation(folder), folder)


def _write_comparison(folder: Path, target: Path) -> None:
    """Made again from its runs; where these were not handed on, the page is what there is."""
    from policysearch.experiments.comparison.reading import read_comparison, told_of
    from policysearch.experiments.comparison.report import write_page
    from policysearch.experiments.comparison.statistics import summary

    page = folder / "compare.html"
    if (folder / "runs.npz").exists() or not page.exists():
        comparison = read_comparison(folder)
        write_page(summary(comparison), comparison, target)
    elif told_of(folder) and target.resolve() != page.resolve():
        write_whole(target, page.read_text(encoding="utf-8"))


def _show_comparison(folder: Path) -> None:
    from policysearch.experiments.comparison.reading import told_of

    told = told_of(folder)
    sentences = [at["verdict"]["sentence"] for at in told["budgets"]]
    print("\n\n".join([*told["cautions"], *sentences, f"The page: {folder / 'compare.html'}"]))


_KINDS = (
    Kind("evaluation.toml", "evaluation.html", _write_evaluation, _show_evaluation),
    Kind("evaluation.json", "evaluation.html", _write_evaluation, _show_evaluation),
    Kind("compare.json", "compare.html", _write_comparison, _show_comparison),
    Kind("config.toml", "report.html", _write_search, _show_search),
)
"""The first whose mark is there counts."""
