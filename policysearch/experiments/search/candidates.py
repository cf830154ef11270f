"""The arms that a search confirms: its best, or what its strategy makes of them, and the fixed policies."""

from __future__ import annotations

from collections.abc import Sequence

from policysearch.core.errors import SearchFailed
from policysearch.experiments.search.summary import ArmSummary, finalists
from policysearch.policy.presets import preset
from policysearch.policy.spaces import Arm, Space
from policysearch.study.by_class.phases import composed_arm, stages_of
from policysearch.study.by_class.settings import ByClassSettings, by_class_settings
from policysearch.study.config import SearchConfig
from policysearch.study.density_chains import merged_arm
from policysearch.study.density_settings import density_settings
from policysearch.study.further_strategies import has_ranking, ranked_arms
from policysearch.study.rows import PRUNED, Row, most_common_error


def candidates(
    config: SearchConfig, space: Space, rows: Sequence[Row], summaries: Sequence[ArmSummary], fixed: Sequence[str]
) -> list[Arm]:
    """The arms that are confirmed.

    Args:
        config: of the search.
        space: of the search.
        rows: its trials.
        summaries: of them, best first.
        fixed: names of the space's fixed policies, of which `fixed_finalists` are confirmed too: the first, and those
            of the best shrunken means; all of them where one has not been pulled.

    Returns:
        The best arms by shrunken mean, or by what their strategy thinks of them, or the one that the strategy `density`
        merges; before them the policy with classes that `by-class` composes and the common one; then the fixed ones,
        none twice.
    """
    free = [space.free.get(name) or Arm({"family": name}, preset(name)) for name in fixed]
    free = _most_promising(free, summaries, config.fixed_finalists)
    by_class = by_class_settings(config.strategy)
    if by_class is not None:
        return _by_class(by_class, rows, finalists(summaries, config.finalists, ()), finalists((), 0, free))
    density = density_settings(config.strategy)
    if density is None:
        ranked = ranked_arms(config.strategy, space, rows)
        return finalists(summaries, config.finalists, free, config.strategy, ranked)
    arm = merged_arm(rows, density)
    return [*([arm] if arm else []), *finalists((), 0, free)]


def _most_promising(free: Sequence[Arm], summaries: Sequence[ArmSummary], most: int | None) -> list[Arm]:
    """The first of the fixed policies and those of the best means, in their own order.

    A strategy's model does not decide here: it has learned from recipes that are unlike many of the fixed policies.

    Args:
        free: the fixed policies.
        summaries: of all arms, best first.
        most: how many; None: all.
    """
    places = {summary.arm.key: place for place, summary in enumerate(summaries) if summary.pulls}
    if most is None or any(arm.key not in places for arm in free):
        return [*free]
    chosen = {arm.key for arm in (*free[:1], *sorted(free[1:], key=lambda arm: places[arm.key]))[:most]}
    return [arm for arm in free if arm.key in chosen]


def _by_class(settings: ByClassSettings, rows: Sequence[Row], best: Sequence[Arm], fixed: Sequence[Arm]) -> list[Arm]:
    """The policy with classes, the common one, as many of the best arms as there is room for, then the fixed ones."""
    composed, leader = composed_arm(rows, settings), stages_of(rows, settings).leader
    first = [arm for arm in (composed, leader) if arm is not None]
    arms = {arm.key: arm for arm in (*first, *best)}
    room = len(best) + (composed is not None)
    chosen = [*arms.values()][: max(room, len(first))]
    return [*{arm.key: arm for arm in (*chosen, *fixed)}.values()]


def why_first(config: SearchConfig) -> str:
    """Why the first of the candidates is the first, as a clause after its name."""
    if density_settings(config.strategy):
        return "merges the best policies of each fold"
    if by_class_settings(config.strategy):
        return "is the best common policy, with parts of their own for classes where these did better"
    if has_ranking(config.strategy):
        return "is the best by the model of what each factor adds"
    return "has the best shrunken mean"


def must_have_rewards(config: SearchConfig, rows: Sequence[Row], summaries: Sequence[ArmSummary]) -> None:
    """Check that a search has found something to confirm.

    Raises:
        SearchFailed: no pull had a reward, or the strategy `density` has evaluated no policy; the most common error.
    """
    density = density_settings(config.strategy)
    if not any(summary.pulls for summary in summaries):
        what, failed = "arm", rows
    elif density is not None and merged_arm(rows, density) is None:
        what, failed = "evaluation of a policy", rows[density.folds :]
    else:
        return
    error, count = most_common_error(failed)
    stopped = [row for row in failed if row.state == PRUNED]
    if stopped:
        failures = f", and {count} failed, most often: {error}" if count else ""
        raise SearchFailed(
            f"no pull was trained to its end: {len(stopped)} of {len(failed)} were stopped by --prune {config.prune}, "
            f"the last one {stopped[-1].outcome.pruned}{failures}; begin anew with a pruner that stops fewer"
        )
    raise SearchFailed(f"every {what} failed: {count} of {len(failed)} trials ended with an error, most often: {error}")
