"""Where of a side something is: texts of tailgate.yaml in which a side's own values stand as ``$NAME`` or ``${NAME}``.

An address may be a path as well: of the service itself.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

from tailgate_otel import names

from tailgate.errors import CommandError
from tailgate.settings import FILE, Service


@dataclass(frozen=True, kw_only=True)
class Places:
    """What is asked whether the service is ready, its metrics, and its targets file; None: not given."""

    ready: str | None
    metrics: str | None
    targets: Path | None


def places(service: Service, url: str, known: Mapping[str, str]) -> Places:
    """Those of the service at ``url`` that is told what is ``known``. Raises ``CommandError``: one is no address."""

    def place(key: str, text: str | None) -> str | None:
        if text is None:
            return None
        found = filled(text, known)
        found = url.rstrip("/") + found if found.startswith("/") else found
        if not is_address(found):
            raise CommandError(
                f"{FILE}: service: {key}: {text!r} is no address; give one like http://127.0.0.1:${names.ENV_PORT}/health,"
                " or a path like /health"
            )
        return found

    return Places(
        ready=place("ready", service.ready),
        metrics=place("metrics", service.metrics),
        targets=None if service.targets is None else Path(filled(service.targets, known)),
    )


def is_address(text: str) -> bool:
    """Whether it is one of http or https, of a host, and of letters that may stand in one."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and text.isascii()
    except ValueError:
        return False


def filled(text: str, known: Mapping[str, str]) -> str:
    """A text that was checked, with its values."""
    return Template(text).substitute(known)


def check(texts: Mapping[str, str | None], known: Collection[str]) -> None:
    """Raises ``CommandError`` when one of the texts, by their keys, asks for what is not known."""
    for key, text in texts.items():
        # Not the text itself, which may hold a secret.
        template = Template(text or "")
        if not template.is_valid():
            raise CommandError(f"{FILE}: service: {key}: a $ must be followed by a name, or be written $$")
        if strange := [name for name in template.get_identifiers() if name not in known]:
            raise CommandError(
                f"{FILE}: service: {key}: ${strange[0]} is not known here; {', '.join(f'${name}' for name in known)}"
                f" {'is' if len(known) == 1 else 'are'}, and any other $ is written $$"
            )
