"""The result of a search, in the words and the table at the top of the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from policysearch.core.command import command
from policysearch.core.tasks import NO_DATA, NO_DATA_TITLE, reward_title, task_named
from policysearch.experiments.search.report.data import Material, seconds
from policysearch.experiments.search.verdict import WinnerVerdict
from policysearch.policy.presets import preset
from policysearch.reports.html.markup import heading, paragraph, statement, table
from policysearch.reports.numbers import Unit, duration, share, unit_of
from policysearch.reports.table import Grid
from policysearch.study.config import SearchConfig
from policysearch.study.density_settings import density_settings
from policysearch.study.ladder import continues, ladder

_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September", "October"),
    *("November", "December"),
)
_NOTE = (
    "Differences are paired within replicates that the search never saw. Their 95 % intervals hold for all pairs of "
    "finalists at once (Tukey's range), since the best was picked among them: one that contains 0 shows no difference. "
    "Whether it is better than the best of the fixed policies needs less: the interval of the sentence above. "
    "They are about these validation images; the test part is unread until `policysearch evaluate`."
)


def opening(material: Material) -> Iterator[str]:
    """The heading, the statement, and the table of differences."""
    verdict = material.verdict
    if verdict is None:
        yield heading(1, f"{material.name}: a search that is not finished")
        yield statement(f"{len(material.searched)} of {material.config.trials} pulls", _unfinished(material))
        yield when_it_ran(material)
        yield from _warnings(material)
        return
    yield heading(1, f"{material.name}: which augmentation to train with")
    yield statement(verdict.title, [f"{verdict.sentence}.", found_on(material)])
    yield when_it_ran(material)
    yield from _warnings(material)
    if verdict.confirmed:
        yield table(beside_fixed(verdict, material.config))
        yield paragraph(_NOTE, "note")


def when_it_ran(material: Material) -> str:
    """When it ran, and with which version."""
    if material.span is None:
        return ""
    begun, ended = material.span
    same_day = begun.date() == ended.date()
    end = ended.strftime("%H:%M") if same_day else _moment(ended)
    versions = material.background.get("versions", [])
    by = f", with policysearch {versions[-1]['policysearch']}" if versions else ""
    return paragraph(f"Ran from {_moment(begun)} to {end}{by}.", "note")


def _moment(moment: datetime) -> str:
    """`30 November 2026, 21:25`, whatever the locale."""
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}, {moment:%H:%M}"


def _warnings(material: Material) -> Iterator[str]:
    yield from (paragraph(f"Warning: {text}.", "caution") for text in material.warnings)


def _unfinished(material: Material) -> list[str]:
    best = next((s for s in material.summaries if s.pulls), None)
    leader = f"So far {best.arm.name} has the best shrunken mean. " if best else ""
    goes_on = f"{command('resume', material.folder)} goes on."
    return [f"{leader}Nothing is confirmed yet, so nothing is known of its lead: {goes_on}", found_on(material)]


def found_on(material: Material) -> str:
    """Data, network, how much was tried, and at what cost."""
    config, spent = material.config, material.seconds
    again = seconds(material.confirmed)
    part = f", {share(again / spent)} of it for the confirmation{_longer(material)}" if again and spent else ""
    return (
        f"On {_data(material)} with {config.learner}: {_pulls(material)} "
        f"over {len(material.summaries)} arms, chosen by {config.strategy}; higher "
        f"{reward_title(config.task, config.reward)} is better. Cost: {duration(spent)} of workers' time{part}."
    )


def _pulls(material: Material) -> str:
    """How many pulls there were of which size; those of the strategy `density` train nothing but its folds."""
    count, density = len(material.searched), density_settings(material.config.strategy)
    if density is None:
        return f"{count} pulls of {_sizes(material.config)} epochs"
    trained = min(count, density.folds)
    return (
        f"{trained} trainings of {_sizes(material.config)} epochs without augmentation, each without a fold, and "
        f"{count - trained} evaluations on held-out images"
    )


def _sizes(config: SearchConfig) -> str:
    """Images × epochs of pulls; of several fidelities the one that changes is listed."""
    sizes = ladder(config)
    if continues(config):
        return f"{config.images:,} images × {_listed([epochs for _, epochs in sizes])}"
    return f"{_listed([*dict.fromkeys(images for images, _ in sizes)])} images × {config.epochs}"


def _listed(numbers: Sequence[int]) -> str:
    *others, last = (f"{number:,}" for number in numbers)
    return f"{', '.join(others)} or {last}" if others else last


def _longer(material: Material) -> str:
    config = material.config
    images, epochs = config.last_fidelity
    size = f" at {images:,} images × {epochs} epochs" if (images, epochs) != (config.images, config.epochs) else ""
    return size + (f" by {config.last_reward}" if config.last_reward != config.reward else "")


def _data(material: Material) -> str:
    data = material.background.get("data")
    if not data:
        reads_by_itself = material.config.data == NO_DATA
        return NO_DATA_TITLE if reads_by_itself else material.config.data
    of_classes = f", {data['classes']} classes" if "classes" in data else ""
    return (
        f"{data['name']} ({data['training images']:,} training and {data['validation images']:,} validation images of "
        f"{data['size']}{of_classes})"
    )


def beside_fixed(verdict: WinnerVerdict, config: SearchConfig) -> Grid:
    """The winner minus each fixed policy that a user would otherwise take."""
    unit, name = unit_of(config.last_reward), reward_title(config.task, config.last_reward)
    names = dict.fromkeys((*task_named(config.task).fixed, *verdict.differences))
    rows = tuple(_row(fixed, verdict, unit) for fixed in names)
    return Grid(f"{verdict.winner.name} minus the fixed policies", ("fixed policy", f"{name} [95 %]", "n"), rows)


def _row(name: str, verdict: WinnerVerdict, unit: Unit) -> tuple[str, ...]:
    pair = verdict.differences.get(name)
    if pair is not None:
        return name, unit.change(pair.difference), str(pair.n)
    why = "the winner itself" if preset(name).hash == verdict.winner.key else "not among those confirmed"
    return name, why, "–"
