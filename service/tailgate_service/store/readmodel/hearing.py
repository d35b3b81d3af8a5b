"""How a process hears of what others, and it itself, have changed."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable

from tailgate_service.listener import Listener, Subscriber
from tailgate_service.store.readmodel.notice import CHANNEL, Change, Mark, Reader

log = logging.getLogger(__name__)


class Hearing:
    """Hears changes while ``listener`` does, and lets who wrote wait for the mark of what they wrote.

    ``heard`` takes each change, in the order of commits; ``again`` is called each time before the first, and ``deaf``
    at the moment that no more is heard.
    """

    def __init__(
        self,
        listener: Listener,
        *,
        heard: Callable[[Change], None],
        again: Callable[[], None],
        deaf: Callable[[], None],
    ) -> None:
        self.subscriber = Subscriber(heard={CHANNEL: self._take}, again=self._begin, lost=self._end)
        self.listening = False
        self._listener = listener
        self._heard = heard
        self._again = again
        self._deaf = deaf
        self._doubtful: set[int] = set()
        self._reader = Reader()
        self._waiting: defaultdict[int | str, set[asyncio.Event]] = defaultdict(set)

    def give_up(self, why: str) -> None:
        """Something was missed: take all that was heard for lost, and begin anew."""
        if self.listening:
            log.warning("documents are forgotten and loaded anew: %s", why)
            self._listener.renew(self.subscriber)

    def expect(self, sign: int | str) -> asyncio.Event:
        """Set by the next mark of a server's process (a number), or by a certain word; to be forgotten afterwards."""
        event = asyncio.Event()
        self._waiting[sign].add(event)
        return event

    def forget(self, sign: int | str, event: asyncio.Event) -> None:
        """Nobody waits for it any more."""
        self._waiting[sign].discard(event)
        if not self._waiting[sign]:
            del self._waiting[sign]

    def doubt(self, processes: Iterable[int]) -> None:
        """Nobody knows whether these have a mark on its way, of a write that was broken off."""
        self._doubtful.update(processes)

    def doubted(self, processes: Iterable[int]) -> bool:
        """Whether the next mark of one of these may be that of another write; asked once."""
        doubtful = self._doubtful.intersection(processes)
        self._doubtful -= doubtful
        return bool(doubtful)

    def _begin(self) -> None:
        self._reader = Reader()
        self.listening = True
        self._again()

    def _end(self) -> None:
        """Hear no more; who waits need not: nothing is kept that could be old."""
        self.listening = False
        self._deaf()
        # What is being written may be committed when it is heard again, and its mark be lost.
        self.doubt(sign for sign in self._waiting if isinstance(sign, int))
        for events in self._waiting.values():
            for event in events:
                event.set()

    def _take(self, process: int, payload: str) -> None:
        # What it cannot read raises: what that was about is not known, so nothing is.
        notice = self._reader.read(payload)
        if isinstance(notice, Mark):
            for event in (*self._waiting.get(process, ()), *self._waiting.get(notice.word, ())):
                event.set()
        elif notice is not None:
            self._heard(notice)
