"""Where the files that are not Python stand: beside the package in a checkout, inside it in a wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def file(name: str) -> Path:
    """The file or directory of that name, such as ``prometheus.yml`` or ``provisioning``."""
    packed = _PACKAGE / name
    return packed if packed.exists() else _PACKAGE.parent / name
