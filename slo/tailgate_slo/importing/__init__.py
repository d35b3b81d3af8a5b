"""Objectives of Sloth and Pyrra, taken over into the format of ours; what cannot be kept is named by its place."""

from .reading import import_files
from .taken import Imported, Taken

__all__ = ["Imported", "Taken", "import_files"]
