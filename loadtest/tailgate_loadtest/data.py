"""Where the files that are not Python stand: beside the package in a checkout, inside it in a wheel."""

from pathlib import Path

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
