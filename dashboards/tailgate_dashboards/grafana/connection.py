"""A Grafana, through grafana-client; every way in which it can refuse becomes one sentence."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from grafana_client import GrafanaApi
from grafana_client.client import GrafanaException
from requests import JSONDecodeError, RequestException, Response, TooManyRedirects
from tailgate_otel import names

from tailgate_dashboards.address import no_address, read_address, shown
from tailgate_dashboards.asking import within
from tailgate_dashboards.errors import GrafanaError
from tailgate_dashboards.plain import plain

OLDEST = 10
"""The oldest major version whose panels the boards are made of."""
_MAX_BYTES = 16 << 20
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 401, 403, 404


class Grafana:
    """A Grafana at ``url``; ``timeout`` bounds each answer, in seconds.

    Without a token, ``https://user:password@host/prefix`` is understood; without either, we ask as nobody. Every
    method raises GrafanaError, whose message names the address, without credentials, and the cure.
    """

    def __init__(self, url: str, token: str | None = None, *, timeout: float = 10.0) -> None:
        address = read_address(url)
        if address is None:
            raise GrafanaError(no_address(url, "a Grafana", "http://127.0.0.1:3000"))
        self.url = address.url
        self._timeout = timeout
        credential: str | tuple[str, str] | None = token
        if token is None and address.user is not None:
            credential = (address.user, address.password)
        self._known = credential is not None
        parts = urlsplit(self.url)
        prefix = parts.path.strip("/")
        self._api = GrafanaApi(
            credential,
            protocol=parts.scheme,
            host=parts.netloc,
            url_path_prefix=f"{prefix}/" if prefix else "",
            timeout=timeout,
        )
        session = self._api.client.s
        # A redirection would turn what is written into what is read, and might take the token elsewhere.
        session.max_redirects = 0
        session.hooks["response"].append(_bounded)

    def check(self) -> str:
        """Its version, or "" where it keeps that to itself; raises when there is none, or one too old."""
        found = self.find("look at its health", lambda api: api.health.check())
        if found is None or "database" not in found:
            raise self.stranger()
        version = plain(str(found.get("version") or ""))
        major = version.partition(".")[0]
        if version and not major.isdecimal():
            raise self.stranger()
        if version and int(major) < OLDEST:
            raise GrafanaError(f"{self.url}: is a Grafana {version}; the boards need {OLDEST}.0 or later")
        return version

    def ask(self, what: str, call: Callable[[Any], Any]) -> Any:
        """What a call of grafana-client's API answers; ``what`` says in an error's message what it was to do."""
        try:
            return within(self._timeout, lambda: call(self._api))
        except GrafanaException as error:
            raise self._refusal(what, error) from error
        except TooManyRedirects as error:
            response = error.response
            there = shown(response.headers.get("Location") if response is not None else None)
            raise GrafanaError(f"{self.url}: sends us on to {there}. Give the address that it sends to") from error
        except (JSONDecodeError, RecursionError) as error:
            raise self.stranger() from error
        except (RequestException, TimeoutError) as error:
            raise GrafanaError(
                f"{self.url}: cannot be asked: {_cause(error)}. Start it, or correct the address"
            ) from error

    def find(self, what: str, call: Callable[[Any], Any]) -> dict[str, Any] | None:
        """What a call finds, or None when there is no such thing, as far as we may know."""
        try:
            found = self.ask(what, call)
        except GrafanaError as error:
            cause = error.__cause__
            # Which of the two it is when there is none differs with its version, and with who asks. Who truly may not
            # is told when we write.
            if isinstance(cause, GrafanaException) and cause.status_code in (_FORBIDDEN, _NOT_FOUND):
                return None
            raise
        if not isinstance(found, dict):
            raise self.stranger()
        return found

    def stranger(self) -> GrafanaError:
        """The error that this is no Grafana."""
        return GrafanaError(
            f"{self.url}: what answers there is no Grafana. Give the address under which /api/health is its"
        )

    def _refusal(self, what: str, error: GrafanaException) -> GrafanaError:
        said = error.response.get("message") if isinstance(error.response, dict) else error.response
        said = plain(str(said or "no reason given"))
        if error.status_code == _UNAUTHORIZED:
            cure = f"make a service account with the role Editor, and put its token into {names.ENV_GRAFANA_TOKEN}"
            fault = "does not know the token or password that was given" if self._known else "asks for a token"
            return GrafanaError(f"{self.url}: {fault} (401: {said}); {cure}")
        if error.status_code == _FORBIDDEN:
            return GrafanaError(
                f"{self.url}: the token may not {what} (403: {said}); boards and regions need a service account of the"
                " role Editor, data sources one of the role Admin"
            )
        return GrafanaError(f"{self.url}: refuses to {what}: {error.status_code}: {said}")


def _bounded(response: Response, **_: Any) -> None:
    """Let no more be read of an answer than is ours to keep, and read it as UTF-8 where it does not say what it is."""
    if "charset" not in response.headers.get("Content-Type", ""):
        response.encoding = "utf-8"
    response.raw = _Bounded(response.raw)


class _Bounded:
    """What an answer is read from."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def stream(self, size: int, **more: Any) -> Iterator[bytes]:
        """Its pieces."""
        read = 0
        for piece in self._raw.stream(size, **more):
            read += len(piece)
            if read > _MAX_BYTES:
                raise RequestException(f"it answers more than {_MAX_BYTES >> 20} MiB")
            yield piece

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)


def _cause(error: BaseException) -> str:
    """The innermost cause: the outer ones repeat the address, and how often it was tried."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return plain(getattr(error, "strerror", None) or str(error))
