"""Where the reference API's own objectives are."""

from pathlib import Path


def reference_path() -> Path:
    """``reference.yaml``: within the package in a wheel, beside it in a checkout."""
    package = Path(__file__).parent
    inside = package / "reference.yaml"
    return inside if inside.is_file() else package.parent / "reference.yaml"
