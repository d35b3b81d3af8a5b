"""The silence over a load test: it stands while the load is on, and no longer, whatever ends that."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial

from tailgate_dashboards.errors import AlertmanagerError

from .alertmanager import Alertmanager


@contextmanager
def silenced(
    alertmanager: Alertmanager,
    ids: Sequence[str],
    *,
    seconds: float,
    comment: str,
    on_left: Callable[[str], None],
) -> Iterator[str]:
    """Within, nobody is paged for the objectives with these ids. Yields the silence's id.

    It ends by itself after ``seconds``, should this process be killed. ``on_left`` is told, in one sentence, of a
    silence that could not be lifted.

    Raises AlertmanagerError, before anything is done within, when there can be no silence.
    """
    placed: list[str] = []
    try:
        _undisturbed(lambda: placed.append(alertmanager.silence(ids, seconds=seconds, comment=comment)))
        yield placed[0]
    finally:
        for silence in placed:
            try:
                _undisturbed(partial(alertmanager.lift, silence))
            except AlertmanagerError as error:
                on_left(f"the silence {silence} could not be lifted, it ends by itself: {error}")


def _undisturbed(work: Callable[[], None]) -> None:
    """Do a piece of work to its end; an interruption meanwhile is raised after it."""
    interruption: KeyboardInterrupt | None = None
    with ThreadPoolExecutor(1) as pool:
        # Signals reach the main thread alone, so whatever comes, the other's work is done.
        future = pool.submit(work)
        while not future.done():
            try:
                wait([future])
            except KeyboardInterrupt as error:
                interruption = error
    if interruption is not None:
        raise interruption
    future.result()
