"""Texts of tailgate.yaml in which a side's own values stand as ``$NAME`` or ``${NAME}``."""

from collections.abc import Mapping
from string import Template

from tailgate.errors import CommandError


def filled(text: str | None, known: Mapping[str, str]) -> str | None:
    """The text with its values; None stays.

    Raises:
        CommandError: a value is asked for that there is not.
    """
    if text is None:
        return None
    try:
        return Template(text).substitute(known)
    except KeyError as error:
        raise CommandError(
            f"tailgate.yaml: service: {text!r}: ${error.args[0]} is not known here; {', '.join(known)} are"
        ) from error
    except ValueError as error:
        raise CommandError(
            f"tailgate.yaml: service: {text!r}: a $ must be followed by a name, or written $$"
        ) from error


def at(url: str, place: str | None) -> str | None:
    """An address that may be given as a path of the service at ``url``."""
    return url.rstrip("/") + place if place and place.startswith("/") else place
