"""A population in a search's config: what it leaves open is filled in, and what it needs is checked."""

from __future__ import annotations

from collections.abc import Iterator

from policysearch.core.errors import UserError, in_one_sentence
from policysearch.study.config import SearchConfig
from policysearch.study.continuation_checks import must_be_continuable
from policysearch.study.populations.settings import ROUNDS, Population, is_population, parse_population


def settled(config: SearchConfig) -> SearchConfig:
    """The config with a population's interval written into its strategy, and its number of pulls; others unchanged.

    Each of the children is pulled once for each interval of its training, so that pulls, population, epochs and
    interval depend on each other. Where the strategy gives no interval it follows from the pulls; where these are not
    given either, there are eight intervals.

    Raises:
        UserError: the population cannot be trained by this config, see `must_be_trainable`.
    """
    if not is_population(config.strategy):
        return config
    must_be_trainable(config)
    population = parse_population(config.strategy)
    interval = _interval(config, population)
    return config.model_copy(
        update={
            "strategy": _with_interval(config.strategy, interval),
            "trials": population.population * len(range(0, config.epochs, interval)),
        }
    )


def must_be_trainable(config: SearchConfig) -> None:
    """Check that the children of a population can be trained interval by interval, in so many pulls.

    Raises:
        UserError: the learning rate does not allow to go on, or pulls, population, epochs and interval do not agree;
            all such mistakes are in its message.
    """
    if is_population(config.strategy):
        mistakes = [*_of_recipe(config), *_of_pulls(config, parse_population(config.strategy))]
        if mistakes:
            raise UserError(in_one_sentence(mistakes))


def share_of_pull(config: SearchConfig) -> float:
    """What a pull of the search trains, on average, as a share of its epochs: 1, or an interval of a population.

    Example:
        >>> share_of_pull(SearchConfig(strategy="pba:population=4,interval=20")), share_of_pull(SearchConfig())
        (0.25, 1.0)
    """
    if not is_population(config.strategy):
        return 1.0
    return 1.0 / len(parse_population(config.strategy).ends(config.epochs))


def _of_recipe(config: SearchConfig) -> Iterator[str]:
    name = config.strategy.partition(":")[0]
    try:
        must_be_continuable(config.recipe)
    except UserError as error:
        yield f"strategy {name} stops and continues children: {error}"
    if config.recipe.base_epochs:
        yield f"strategy {name} trains from nothing: leave out --base-epochs {config.recipe.base_epochs}"


def _of_pulls(config: SearchConfig, population: Population) -> Iterator[str]:
    epochs, children = config.epochs, population.population
    if epochs < 2 or population.interval >= epochs:
        shown = population.interval or 1
        yield f"an interval of {shown} of {epochs} epochs has no second: give a shorter one, or more --epochs"
        return
    if "trials" not in config.model_fields_set:
        return
    if not population.interval and (config.trials < 2 * children or config.trials % children):
        more = max(2, round(config.trials / children)) * children
        yield (
            f"--trials must be two or more for each of the {children} children, and a multiple of {children}, got "
            f"{config.trials}: give {more}, or another population"
        )
        return
    needed = children * len(range(0, epochs, _interval(config, population)))
    if config.trials != needed:
        yield (
            f"{children} children that change every {_interval(config, population)} of {epochs} epochs are {needed} "
            f"pulls, and --trials is {config.trials}: give {needed}"
        )


def _interval(config: SearchConfig, population: Population) -> int:
    if population.interval:
        return population.interval
    rounds = config.trials // population.population if "trials" in config.model_fields_set else ROUNDS
    return max(1, -(-config.epochs // max(1, rounds)))


def _with_interval(strategy: str, interval: int) -> str:
    if parse_population(strategy).interval:
        return strategy
    return f"{strategy}{',' if ':' in strategy else ':'}interval={interval}"
