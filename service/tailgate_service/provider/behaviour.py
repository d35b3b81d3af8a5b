"""How the stand-in behaves."""

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

Fault = Literal["none", "refuse", "hang", "error", "garbage", "drop"]
FAULTS: tuple[Fault, ...] = get_args(Fault)
Place = Literal["agents", "calls", "words"]


class Behaviour(BaseModel):
    """What goes wrong, and where.

    ``fault``: ``refuse`` is not to listen at all; ``hang`` to take what comes and say nothing; ``error`` to answer 500;
    ``garbage`` to answer what is not JSON; ``drop`` to break off. ``at``: where, but for ``refuse``: telling of agents,
    beginning calls, or the words of a call after the first. ``delay``: seconds before each answer and each word.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    fault: Fault = "none"
    at: frozenset[Place] = frozenset(get_args(Place))
    delay: Annotated[float, Field(ge=0, le=60)] = 0.0

    def fails(self, place: Place) -> Fault:
        """The fault at a place."""
        return self.fault if place in self.at else "none"
