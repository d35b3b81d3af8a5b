"""Which Grafana is meant, and what opens it: an address, and a token from the environment or a file."""

from collections.abc import Mapping
from pathlib import Path

from tailgate_dashboards.grafana.connection import Grafana
from tailgate_otel import names

from tailgate.errors import CommandError

_LONGEST = 4096


def connect(url: str, token_file: Path | None, environ: Mapping[str, str], *, timeout: float) -> Grafana:
    """The Grafana at an address, seen to be one that the boards work in.

    A token is never an option: the list of processes would show it.

    Raises:
        CommandError: the token file is missing or holds no token.
        GrafanaError: there is no Grafana, or one too old.
    """
    grafana = Grafana(url, _token(token_file, environ), timeout=timeout)
    grafana.check()
    return grafana


def _token(file: Path | None, environ: Mapping[str, str]) -> str | None:
    where, text = names.ENV_GRAFANA_TOKEN, environ.get(names.ENV_GRAFANA_TOKEN, "")
    if file is not None:
        where = str(file)
        try:
            with file.open(encoding="ascii") as opened:
                text = opened.read(_LONGEST + 1)
        except OSError as error:
            raise CommandError(f"{file}: cannot be read: {error.strerror}") from error
        except UnicodeDecodeError:
            text = "\0"
    token = text.strip()
    if not token and file is None:
        return None
    if not token or len(token) > _LONGEST or not (token.isascii() and token.isprintable()) or " " in token:
        # What was read is not shown: it may be a secret all the same.
        raise CommandError(f"{where}: holds no token; a service account's begins with glsa_ and is one line")
    return token
