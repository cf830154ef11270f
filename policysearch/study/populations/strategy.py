"""A population as a strategy: the next interval of each child, chosen from the record alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, cast

import numpy as np

from policysearch.core.seeds import rule_generator
from policysearch.policy.families import Parameters
from policysearch.policy.spaces import Arm, Space
from policysearch.study.choices import ArmChoice
from policysearch.study.populations.bandit import Gain, Start, chosen
from policysearch.study.populations.exploration import Exploration
from policysearch.study.populations.lineage import grown, lineage
from policysearch.study.populations.parameters import Flexible, flexible
from policysearch.study.populations.selection import Origin, origins
from policysearch.study.populations.settings import Population, parse_population
from policysearch.study.rows import COMPLETE, RUNNING, Row

_SELECTION = 1
"""Key of the generator by which a generation is selected; those of its children have none."""
_REPLICATE = 0
"""All children have the same images, first weights and batch order: what differs between them is their policy."""


class RowHistory(Protocol):
    """What a population sees of a study."""

    @property
    def seed(self) -> int: ...
    @property
    def rows(self) -> Sequence[object]: ...


@dataclass(frozen=True)
class PopulationStrategy:
    """Children that train together, interval by interval (a generation).

    Trial n is child n mod P in generation n div P. A generation begins when the one before has ended, so that every
    choice depends on rewards and not on the order in which they came: the same for any number of workers, and after any
    kill. Children that are replaced fork the child of another trial; the others continue their own.

    Attributes:
        settings: of the population.
        flexible: the part of the space that it uses.
        ends: epochs at which the intervals of a training end.
        bandit: whether a Gaussian process chooses the numbers of a policy that is changed (pb2).
    """

    settings: Population
    flexible: Flexible
    ends: tuple[int, ...]
    bandit: bool
    fidelities: ClassVar[bool] = False

    def choose(self, history: RowHistory) -> ArmChoice | None:
        """The next trial; None while the generation before has not ended."""
        rows = cast(Sequence[Row], history.rows)
        count = self.settings.population
        generation, child = divmod(len(rows), count)
        rng = rule_generator(history.seed, len(rows))
        if not generation:
            return self._begun(0, rng)

        before = rows[(generation - 1) * count : generation * count]
        if any(row.state == RUNNING for row in before):
            return None
        selection = rule_generator(history.seed, generation * count, _SELECTION)
        plan = origins(before, rows, self.settings.replaced, selection)
        if plan[child].row is None:
            return self._begun(generation, rng)
        return self._descended(plan, generation, rows, rng)

    def _begun(self, generation: int, rng: np.random.Generator) -> ArmChoice:
        """A child that begins with nothing: all of them at first, and later where whole intervals have failed."""
        parameters = self.flexible.begun(rng, from_first=bool(self.settings.from_first))
        return ArmChoice(self.flexible.space.arm(parameters), generation, replicate=_REPLICATE)

    def _descended(
        self, plan: Sequence[Origin], generation: int, rows: Sequence[Row], rng: np.random.Generator
    ) -> ArmChoice:
        """The next interval of the child whose turn it is, which goes on from a trial."""
        origin = plan[len(rows) % self.settings.population]
        parent = origin.row
        assert parent is not None
        parameters = parent.arm.parameters
        if origin.explored:
            parameters = self._explored(parent, plan, generation, rows, rng)

        line, begin = lineage(parent, rows), self.ends[parent.fidelity]
        arm = self.flexible.space.arm(parameters)
        policy = grown(line, arm.policy, begin, self.ends[generation])
        if policy.stages:
            name = f"{parameters['family']} in {len(policy.stages) + 1} stages, pull {len(rows)}"
            policy = policy.model_copy(update={"name": name})
        return ArmChoice(Arm(parameters, policy, arm.loss), generation, parent=parent.number)

    def _explored(
        self, parent: Row, plan: Sequence[Origin], generation: int, rows: Sequence[Row], rng: np.random.Generator
    ) -> Parameters:
        explore = Exploration(self.settings.resample, self.settings.reach)
        changing = self.flexible.of(parent.arm.parameters)
        explored = explore.moved(parent.arm.parameters, changing, rng)
        numbers = tuple(parameter for parameter in changing if parameter.ordered)
        if not self.bandit or not numbers or parent.reward is None:
            return explored
        family = str(parent.arm.parameters["family"])
        pending = [
            assignment for assignment in self._siblings(plan, generation, rows) if assignment["family"] == family
        ]
        values = chosen(_gains(family, rows, self.settings.population, generation),
                        Start(generation, parent.reward, pending), numbers, rng)  # fmt: skip
        return explored if values is None else {**explored, **values}

    def _siblings(self, plan: Sequence[Origin], generation: int, rows: Sequence[Row]) -> list[Parameters]:
        """Assignments of the generation's other children: those that are begun, and those that stay as they are."""
        begun = [row.arm.parameters for row in rows[generation * self.settings.population :]]
        staying = [o.row.arm.parameters for o in plan[len(begun) + 1 :] if o.row is not None and not o.explored]
        return begun + staying


def _gains(family: str, rows: Sequence[Row], population: int, generation: int) -> list[Gain]:
    """What the intervals of a family's policies gained, in the generations that have ended."""
    gains = []
    for row in rows[: generation * population]:
        if row.state != COMPLETE or row.reward is None or row.arm.parameters["family"] != family:
            continue
        before = np.nan if row.parent is None else rows[row.parent].reward
        if before is not None:
            gains.append(Gain(row.arm.parameters, row.number // population, float(before), row.reward))
    return gains


def make_population(spec: str, space: Space, epochs: int) -> PopulationStrategy:
    """The strategy `pba:parameter=value,...` or `pb2:...`, for trainings of so many epochs.

    Raises:
        UserError: an unknown parameter, a value out of its range, or a space that it cannot use.
    """
    name = spec.partition(":")[0]
    settings = parse_population(spec)
    return PopulationStrategy(settings, flexible(space, name), settings.ends(epochs), bandit=name == "pb2")
