"""Where the files that are not Python stand: beside the package in a checkout, inside it in a wheel."""

from pathlib import Path

from tailgate_loadtest.errors import PlanError

_PACKAGE = Path(__file__).parent


def _beside(name: str) -> Path:
    packed = _PACKAGE / name
    return packed if packed.exists() else _PACKAGE.parent / name


def profiles_directory() -> Path:
    """The directory of the profiles that come with the package."""
    return _beside("profiles")


def locustfile() -> Path:
    """The locustfile of the reference API's personas."""
    return _beside("locustfile.py")


def visits() -> tuple[str, ...]:
    """The names of the visits to the reference service's pages."""
    return tuple(sorted(path.stem for path in _beside("visits").glob("*.js")))


def visit(name: str) -> Path:
    """The script of one of them.

    Raises:
        PlanError: there is none of that name.
    """
    if name not in visits():
        raise PlanError(
            f"visit {name!r}: there is none of that name; there are {', '.join(visits())}, or give a script"
        )
    return _beside("visits") / f"{name}.js"
