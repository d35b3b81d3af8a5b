"""One user's cookies, by the standard library's jar, which is asked only once there is something in it."""

import urllib.request
from email.message import Message
from http.cookiejar import Cookie, CookieJar

from tailgate_loadtest.engine.http.response import Response

_SET_COOKIE = b"set-cookie"


class Cookies(CookieJar):
    """A jar that knows, without counting, whether it was ever used."""

    used = False

    def set_cookie(self, cookie: Cookie) -> None:
        """Put one in, as everything does that puts one in."""
        self.used = True
        super().set_cookie(cookie)

    def line(self, address: str) -> bytes:
        """The header line for a request to an address; nothing where no cookie is for it."""
        asking = urllib.request.Request(address)  # noqa: S310 - never opened; the jar wants one to look at
        self.add_cookie_header(asking)
        value = asking.get_header("Cookie")
        return f"cookie: {value}\r\n".encode("latin-1") if value else b""

    def take(self, address: str, response: Response) -> None:
        """Keep what an answer from that address sets."""
        values = response.raw(_SET_COOKIE)
        if values:
            asked = urllib.request.Request(address)  # noqa: S310 - never opened; the jar wants one to look at
            self.extract_cookies(_SetCookies(values), asked)  # type: ignore[arg-type]  # it asks for info()


class _SetCookies:
    """What the jar asks of an answer."""

    def __init__(self, values: list[bytes]) -> None:
        self._message = Message()
        for value in values:
            self._message["set-cookie"] = value.decode("latin-1")

    def info(self) -> Message:
        """The headers."""
        return self._message
