"""Browsers that visit until they are told to finish: from the outside.

    with Visiting(plan, directory, find(os.environ)) as visiting:
        visiting.wait()
    account = visiting.account()

``directory`` gets ``visits.jsonl`` and ``pictures/``. Whatever ends the block ends every browser.
"""

import os
import queue
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from tailgate_loadtest.browser.account import Account, Load, Tally
from tailgate_loadtest.browser.found import Browsing
from tailgate_loadtest.browser.orders import orders
from tailgate_loadtest.browser.pictures import Pictures
from tailgate_loadtest.browser.plan import BrowserPlan
from tailgate_loadtest.browser.process import Process
from tailgate_loadtest.browser.recording import Recording, Visit
from tailgate_loadtest.errors import BrowserError

STARTS_WITHIN = 60.0
"""Seconds that all browsers get to start."""


class Visiting:
    """All browsers of a plan, as a context manager of the thread that this process began with.

    Entering starts them, and visits begin at once; where they are ``held``, when :meth:`begin` is called.

    Args:
        plan: who visits what.
        directory: of the bundle; it is there already.
        browsing: what they are driven with.
        began: the moment of the run's beginning, as ``time.time()`` has it, from which visits are timed; by default,
            when visits begin.
        on_visit: called with each visit that has ended, by a thread of this class.
        held: whether they wait for :meth:`begin`.

    Raises:
        BrowserError: on entering: Chromium does not start, or a script is none.
        BundleError: on entering or leaving: the directory cannot be written to.

    """

    def __init__(
        self,
        plan: BrowserPlan,
        directory: Path,
        browsing: Browsing,
        *,
        began: float | None = None,
        on_visit: Callable[[Visit], None] = lambda _: None,
        held: bool = False,
    ) -> None:
        self._plan = plan
        self._directory = directory
        self._browsing = browsing
        self._began = began
        self._on_visit = on_visit
        self._held = held
        self._tally = Tally(plan)
        self._pictures = Pictures(directory, plan.judged_from)
        # Of queues, since a signal's handler may put something into one of this kind whatever it interrupts.
        self._started: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._over: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._browser = ""
        self._load = Load()
        self._first = self._last = 0.0
        self._done = self._closing = False
        self._interrupted: str | None = None
        self._died: str | None = None
        self._exit_code: int | None = None
        self._failure: Exception | None = None

    def __enter__(self) -> Self:
        self._recording = Recording(self._directory)
        try:
            self._process = Process(self._browsing, self._hear, self._gone, os.environ)
        except BaseException:
            self._recording.close()
            raise
        try:
            self._process.listen()
            self._process.say(orders(self._plan, self._directory, self._browsing))
            self._start()
            if not self._held:
                self.begin(self._began)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
        if self._failure is not None:
            raise self._failure

    def begin(self, began: float | None = None) -> None:
        """Let visits begin now; ``began`` is the run's beginning, by default this moment."""
        self._began = time.time() if began is None else began
        self._process.say({"begin": True, "judgedFrom": self._began + self._plan.judged_from})

    def finish(self) -> None:
        """Begin no more visits; those that run come to their end. Does not wait for it: see :meth:`wait`."""
        self._process.say({"finish": True})

    def cut(self, number: int = signal.SIGTERM) -> None:
        """End all visits now, because of that signal: they are lost, and counted. A signal's handler may call it."""
        self._interrupted = self._interrupted or signal.Signals(number).name
        self._process.say({"cut": True})
        self._over.put(None)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until every visit has ended: all that were asked for, or those that ran when it was told to finish.

        Returns whether they have; after ``timeout`` seconds they may not. A driver that died has ended them.
        """
        try:
            self._over.get(timeout=timeout)
        except queue.Empty:
            return False
        self._over.put(None)
        return True

    def account(self) -> Account:
        """What became of the visits so far; complete once the block has been left."""
        seconds = max(self._last - self._first, 0.0)
        load = self._load.model_copy(update={"picture_seconds": self._tally.picture_seconds, "seconds": seconds})
        return self._tally.account(
            browser=f"Chromium {self._browser}",
            driver=f"playwright-core {self._browsing.version}",
            load=load,
            died=self._died,
            interrupted=self._interrupted,
        )

    def _start(self) -> None:
        try:
            refusal = self._started.get(timeout=STARTS_WITHIN)
        except queue.Empty:
            refusal = f"the browsers did not start within {STARTS_WITHIN:.0f} s: {self._process.last_words}"
        if refusal is not None:
            raise BrowserError(refusal)

    def _close(self) -> None:
        self._closing = True
        self._process.close()
        self._recording.close()

    def _hear(self, message: dict[str, Any]) -> None:
        try:
            for kind, told in message.items():
                self._take(kind, told)
        except Exception as error:  # noqa: BLE001 - raised again by the thread that leaves the block
            if self._failure is None:
                self._failure = error
                self._died = f"what was told of a visit could not be kept: {error}"
                self.finish()
                self._over.put(None)

    def _take(self, kind: str, told: Any) -> None:
        match kind:
            case "ready":
                self._browser = told
                self._started.put(None)
            case "refused":
                self._started.put(told)
            case "begun":
                self._begun(told["lane"], told["at"], told["late"])
            case "visit":
                self._ended(told)
            case "load":
                self._load = self._load.model_copy(update=told)
            case "warning":
                self._tally.warn([told])
            case "lost":
                self._died = self._died or told
            case "done":
                self._done = True
                self._over.put(None)
            case "gone":
                self._exit_code = told

    def _begun(self, lane: int, at: float, late: float) -> None:
        self._first = self._first or at
        self._last = max(self._last, at)
        if late > self._load.late_max:
            self._load = self._load.model_copy(update={"late_max": late})
        self._tally.begin(lane)

    def _ended(self, told: dict[str, Any]) -> None:
        began = told.pop("began")
        visit = Visit.model_validate({**told, "began": began - (self._began or began)})
        self._last = max(self._last, began + visit.seconds)
        self._recording.write(visit)
        self._pictures.add(visit)
        self._tally.end(visit)
        self._on_visit(visit)

    def _gone(self) -> None:
        """There is nothing more to come."""
        if not (self._done or self._closing or self._interrupted or self._died):
            how = "hung and was ended" if self._process.hung else f"died (exit code {self._exit_code})"
            self._died = f"the browsers' driver {how}: {self._process.last_words}"
        self._started.put(self._died or "the browsers' driver ended before any browser had started")
        self._over.put(None)
