"""A session: a time in which a process hears of every change.

Its number comes from the sequence that revisions come from, after it has begun to listen: of two sessions the later has
the larger. Whatever was read from the database after a session began and is outdated, the session was told so; of what
was read before, it knows nothing. So it believes an entry that was read after a session with its own number or a larger
one had begun, and that is not older than the last change it heard of.

A connection can be dead without anybody having noticed. So a session believes nothing ``LEASE`` seconds after it asked
the database something that was answered; notifications come before answers, so all that was committed when it asked has
been heard.
"""

import math
import time
from collections import OrderedDict
from uuid import UUID

from tailgate_service.cache.entry import Entry

LEASE = 1.0
"""Seconds."""
MAX_FLOORS = 10_000
"""Workspaces whose changes one session remembers; then another must begin."""
_MAX_TOLD = 1_000


class Session:
    """What one session has heard, also before it has :attr:`begun` and is told its number.

    ``life`` names the life of the database in which numbers are unique. ``asked`` is when the last question that was
    answered had been asked, by ``time.monotonic``. ``latest`` is the largest number of a session that was heard of.
    """

    def __init__(self) -> None:
        self.number = 0
        self.life = ""
        self.asked = -math.inf
        self.latest = 0
        self._floors: dict[UUID, int] = {}
        self._told: OrderedDict[UUID, dict[int, int]] = OrderedDict()

    def begin(self, *, number: int, life: str, asked: float) -> None:
        """Believe from now on."""
        self.number, self.life, self.asked = number, life, asked
        self.latest = max(self.latest, number)

    @property
    def begun(self) -> bool:
        """Whether it has its number."""
        return self.number > 0

    @property
    def hears(self) -> bool:
        """Whether it knows of every change up to now that anybody was told is done."""
        return not self.full and time.monotonic() < self.asked + LEASE

    @property
    def full(self) -> bool:
        """Whether it can remember no more."""
        return len(self._floors) >= MAX_FLOORS

    def believes(self, workspace: UUID, entry: Entry) -> bool:
        """Whether an entry may be shown."""
        return (
            self.hears
            and entry.session >= self.number
            and self.admits(workspace, entry.revision)
            and time.time() < entry.until
        )

    def admits(self, workspace: UUID, revision: int) -> bool:
        """Whether nothing newer of the workspace has been heard of."""
        return revision >= self._floors.get(workspace, 0)

    def changed(self, workspace: UUID, revision: int) -> None:
        """Something of the workspace has changed; what is before ``revision`` is outdated."""
        self._floors[workspace] = max(revision, self._floors.get(workspace, 0))

    def told(self, workspace: UUID, revision: int, pid: int) -> None:
        """The session of server process ``pid`` has heard of a change, too."""
        by = self._told.setdefault(workspace, {})
        self._told.move_to_end(workspace)
        by[pid] = max(revision, by.get(pid, 0))
        while len(self._told) > _MAX_TOLD:
            self._told.popitem(last=False)

    def all_know(self, workspace: UUID, revision: int, pids: set[int]) -> bool:
        """Whether the sessions of these server processes have heard of a change."""
        by = self._told.get(workspace, {})
        return all(by.get(pid, 0) >= revision for pid in pids)
