"""How much seed data, and which."""

from dataclasses import dataclass

from tailgate_service.errors import SeedError

MOST = {"workspaces": 700, "conversations": 1_000_000, "messages": 1000}


@dataclass(frozen=True, kw_only=True)
class SeedConfig:
    """``conversations`` per workspace, ``messages`` per conversation on average; another ``seed``, other rows.

    Raises ``SeedError`` when it cannot be.
    """

    workspaces: int = 20
    conversations: int = 2132
    messages: int = 10
    seed: int = 1

    def __post_init__(self) -> None:
        for name, most in MOST.items():
            value = getattr(self, name)
            if not 0 < value <= most:
                raise SeedError(f"seed: {name} = {value} is outside 1 to {most}")
