"""What ``ab`` and ``calibrate`` are asked alike: how two sides are loaded, and what they are judged by."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from tailgate_loadtest.shapes.openapi import routes as routes_of
from tailgate_loadtest.shapes.profile import Profile, find

from tailgate import objectives as objectives_files
from tailgate import settings as settings_file
from tailgate.comparing import Request, quiet_enough
from tailgate.errors import CommandError
from tailgate.texts import file_of, seconds_of, tolerance_from

_DEFAULT_PROFILE = "gate"


def request_of(
    *,
    base: str | None,
    candidate: str | None,
    budget: str,
    turn: int,
    error_rate: float,
    classes: Sequence[str] | None,
    locustfile: str | None,
    profile: str | None,
    slo: str | None,
    targets: str | None,
    openapi: str | None,
    tolerate: Sequence[str] | None,
    seed: int,
    db_rtt: str,
    out: str | None,
    on_inconclusive: Literal["fail", "neutral"] = "fail",
) -> Request:
    """Options as they were given, with the settings file's defaults for those that were not.

    Raises:
        CommandError, LoadtestError, SloError: one of them is wrong.
    """
    defaults = settings_file.load()
    file = locustfile or defaults.locustfile
    return Request(
        base=base,
        candidate=candidate,
        service=defaults.service,
        locustfile=file_of(file, "-f") if file else None,
        profile=_comparable(find(profile or defaults.profile or _DEFAULT_PROFILE)),
        objectives=objectives_files.find(slo or defaults.slo, reference=file is None),
        slo=slo,
        budget=seconds_of(budget, "--budget"),
        error_rate=error_rate,
        turn=turn,
        seed=seed,
        db_rtt=seconds_of(db_rtt, "--db-rtt"),
        targets=Path(given) if (given := targets or defaults.targets) else None,
        out=Path(out or defaults.out or "runs"),
        tolerance=quiet_enough(tolerance_from(tolerate or [])),
        classes=tuple(classes or ()),
        openapi=routes_of(Path(given)) if (given := openapi or defaults.openapi) else (),
        on_inconclusive=on_inconclusive,
    )


def _comparable(profile: Profile) -> Profile:
    if profile.steps:
        raise CommandError(
            f"--profile {profile.name}: a search for the highest rate compares nothing; give one without `steps:`, such"
            f" as {_DEFAULT_PROFILE}"
        )
    return profile
