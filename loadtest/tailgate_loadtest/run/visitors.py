"""The browsers beside a load, if there are any: they visit while it is on, and its bundle keeps what became of that."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from tailgate_loadtest.browser.account import Account
from tailgate_loadtest.browser.visiting import Visiting
from tailgate_loadtest.run.document import Tick

Opening = Callable[[Path], Visiting]
"""Makes them, held until they are told to begin; they write into the directory of a bundle."""


class Visitors:
    """Begins visits with the load, and no more of them once its judged part is over.

    A context manager: within, the browsers are there, and none of them is afterwards.

    Args:
        opening: what makes them; None: there are none.
        directory: of the bundle.
        until: the second of the load in which its judged part ends; None: with the load itself.

    """

    def __init__(self, opening: Opening | None, directory: Path, until: float | None) -> None:
        self._visiting = opening(directory) if opening else None
        self._until = math.inf if until is None else until
        self._begun = self._finished = False

    def __enter__(self) -> Self:
        if self._visiting:
            self._visiting.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._visiting:
            self._visiting.__exit__(kind, error, tb)

    def hear(self, tick: Tick) -> None:
        """A second of the load has passed."""
        if self._visiting and not self._begun:
            self._begun = True
            self._visiting.begin(time.time() - tick.second)
        if tick.second >= self._until:
            self._finish()

    def wait(self) -> None:
        """The load is over: begin no more visits, and wait for those that run."""
        self._finish()
        if self._visiting and self._begun:
            self._visiting.wait()

    def cut(self, number: int) -> None:
        """End all visits now, because of that signal; may be called by its handler."""
        if self._visiting:
            self._visiting.cut(number)

    def account(self) -> Account | None:
        """What became of the visits, once the block was left; None where there were no browsers."""
        return self._visiting.account() if self._visiting else None

    def _finish(self) -> None:
        if self._visiting and not self._finished:
            self._finished = True
            self._visiting.finish()
