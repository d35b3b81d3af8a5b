"""Whether a bundle still has all that was written into it: what is gone must not make a verdict of what is left."""

import tailgate_slo
from tailgate_slo import Objectives

from tailgate_loadtest.browser.account import Account
from tailgate_loadtest.browser.recording import Visit, read
from tailgate_loadtest.errors import ANEW, BundleError
from tailgate_loadtest.measure.hlog import LatencyLog
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.document import RunDocument

_COUNTED = (Kind.RESPONSE, Kind.FAILED, Kind.CENSORED, Kind.LOST)


def objectives_kept(bundle: Bundle, digest: str | None) -> Objectives | None:
    """The objectives in a bundle; None where there are none, and none to be.

    Args:
        bundle: of a run, or of visits.
        digest: of those that it was begun with, None without any; run.json's plan has it, or vitals.json's setting.

    Raises:
        BundleError: they are gone, or are others.
        SloError: they are damaged.

    """
    path = bundle.objectives
    if digest is None:
        return tailgate_slo.load(path) if path.exists() else None
    cure = "copy the bundle anew, or give `tailgate gate` the objectives by --slo"
    if not path.exists():
        raise BundleError(f"{path}: is missing, and there were objectives: {cure}")
    found = tailgate_slo.load(path)
    if found.digest != digest:
        raise BundleError(f"{path}: has other objectives than there were at first; was it cut short? {cure}")
    return found


def visits_kept(bundle: Bundle, account: Account) -> list[Visit]:
    """The visits in a bundle, by their number.

    Raises:
        BundleError: visits.jsonl is missing or damaged, or has more visits, or fewer, than ended.
    """
    found = sorted(read(bundle.visits), key=lambda visit: visit.number)
    if len(found) != account.ended:
        raise BundleError(
            f"{bundle.visits}: has {len(found)} visits, and {account.ended} ended; the file was cut short, or is"
            " another bundle's: copy the bundle anew"
        )
    return found


def check_log(bundle: Bundle, run: RunDocument, log: LatencyLog) -> None:
    """A log that was cut short between two lines is whole by its looks; the run's own counts tell.

    Raises:
        BundleError: it has more requests to a route, or fewer, than run.json.
    """
    told = {route.route: route.requests + route.lost for route in run.routes}
    for route in sorted({*told, *log.routes}):
        logged = sum(log.whole(route, kind).total for kind in _COUNTED)
        if logged != told.get(route, 0):
            raise BundleError(
                f"{bundle.log}: has {logged} requests to {route}, and run.json {told.get(route, 0)};"
                f" a file was cut short, or is another run's: {ANEW}"
            )
