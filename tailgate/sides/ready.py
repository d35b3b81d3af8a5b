"""Whether a service takes requests yet."""

import http.client
from urllib.parse import urlsplit

_TIMEOUT = 2.0


def failed(url: str, *, whatever: bool) -> str:
    """Why it is not ready; empty when it answers with 2xx, or, with ``whatever``, at all.

    It is asked directly, whatever proxy the environment names.
    """
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_TIMEOUT)
    try:
        connection.request("GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"{url} does not answer ({error or type(error).__name__})"
    finally:
        connection.close()
    return "" if whatever or 200 <= status < 300 else f"{url} answers with {status}"
