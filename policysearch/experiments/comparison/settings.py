"""The settings of a comparison."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field

from policysearch.core.errors import UserError
from policysearch.core.settings import Settings
from policysearch.study.by_class.settings import NAME as BY_CLASS
from policysearch.study.density_settings import density_settings
from policysearch.study.settings import (
    ChildSettings,
    ConfirmSettings,
    PromotionSettings,
    PullSettings,
    RewardSettings,
    SpaceSettings,
)

_MOST = 10_000_000


class LiveSettings(ChildSettings, SpaceSettings, PullSettings, RewardSettings, PromotionSettings, ConfirmSettings):
    """How live searches train and confirm; those that the comparison sets itself are in `CompareSettings`."""


class CompareSettings(Settings):
    """What is compared, how often, and on what: a recorded table, or searches that are really run."""

    strategies: Annotated[
        str, Field(description="separated by commas, each NAME or NAME:parameter=value (see `policysearch strategies`)")
    ] = "random,greedy,epsilon-greedy,ucb,thompson,sequential-halving,top-two-thompson,tpe"
    pulls: Annotated[str, Field(description="budgets, separated by commas: pulls of each search")] = "20,40,100,200,400"
    runs: Annotated[int, Field(ge=1, le=100_000, description="searches of each strategy and budget")] = 500
    sampler_runs: Annotated[
        int, Field(ge=1, le=100_000, description="searches of each Optuna sampler, which takes a hundred times as long")
    ] = 40
    fidelity: Annotated[
        str | None, Field(description="IMAGESxEPOCHS of a pull; default: the cheapest that was recorded")
    ] = None
    ladder: Annotated[
        str | None,
        Field(description="fidelities of strategies that use several, cheapest first; default: those recorded"),
    ] = None
    truth: Annotated[
        str | None, Field(description="fidelity that the final pick is judged by; default: the most expensive recorded")
    ] = None
    reward: Annotated[str, Field(description="what is maximised (see `policysearch rewards`)")] = "accuracy"
    delta: Annotated[
        float, Field(gt=0, allow_inf_nan=False, description="a pick within this of the best arm's mean counts as good")
    ] = 0.003
    workers: Annotated[
        int | None,
        Field(ge=0, le=100_000, description="of each search; default: 8 simulated ones, live as many as search takes"),
    ] = None
    stragglers: Annotated[float, Field(ge=0, le=1, description="share of attempts that are slow")] = 0.05
    slowdown: Annotated[float, Field(ge=1, le=1000, description="how many times as long those take")] = 3.0
    failures: Annotated[float, Field(ge=0, lt=1, description="share of attempts that fail")] = 0.01
    retries: Annotated[int, Field(ge=0, le=100, description="further attempts for a pull that failed")] = 1
    seed: Annotated[int, Field(ge=0, lt=2**63, description="of all draws")] = 0
    processes: Annotated[
        int | None, Field(ge=1, le=1024, description="processes of this machine; they change nothing; default: cores")
    ] = None
    sensitivity: Annotated[
        int, Field(ge=0, le=100_000, description="searches for each other value of a strategy's parameter; 0: no table")
    ] = 100

    @property
    def names(self) -> list[str]:
        """The names of the strategies, in the order given.

        Raises:
            UserError: there is none, one is named twice, or one has no pulls that could be compared.
        """
        out: list[str] = []
        for part in filter(None, (text.strip() for text in self.strategies.split(","))):
            # A comma also separates the parameters of one strategy, as in linucb:own=0.5,ridge=2.
            if out and ":" in out[-1] and "=" in part and ":" not in part:
                out[-1] += f",{part}"
            else:
                out.append(part)
        twice = {name for name in out if out.count(name) > 1}
        if twice or not out:
            raise UserError(f"--strategies must name one or more, each once, got {self.strategies!r}")
        if any(name.partition(":")[0] == BY_CLASS for name in out):
            raise UserError(
                f"strategy {BY_CLASS} makes policies with classes while it searches, so that there are no pulls to "
                "compare with others': run both searches, and compare what they find with `policysearch evaluate "
                "FOLDER --also OTHER_FOLDER`"
            )
        if any(density_settings(name) for name in out):
            raise UserError(
                "strategy density trains no arm in its search, so that there are no pulls to compare with others': run "
                "both searches, and compare what they find with `policysearch evaluate FOLDER --also OTHER_FOLDER`"
            )
        return out

    @property
    def simulated(self) -> int:
        """Simulated workers of each search.

        Raises:
            UserError: there are none.
        """
        if self.workers == 0:
            raise UserError("--workers 0 trains in this process, and a replay trains nothing: give 1 or more")
        return self.workers or 8

    @property
    def budgets(self) -> list[int]:
        """The budgets, ascending."""
        return sorted(set(numbers(self.pulls, "--pulls", int)))


def numbers(text: str, flag: str, kind: Callable[[str], Any]) -> list[Any]:
    """Numbers above 0, separated by commas.

    Raises:
        UserError: they are not.
    """
    try:
        out = [kind(part) for part in text.split(",")]
    except ValueError:
        out = []
    if not out or not 0 < min(out) <= max(out) <= _MOST:
        raise UserError(f"{flag} must be numbers above 0, at most {_MOST:,}, separated by commas, got {text!r}")
    return out
