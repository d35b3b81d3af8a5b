"""An HTTP/1.1 client made for load: gevent sockets, a C parser, and every failure under a name."""

from tailgate_loadtest.engine.http.errors import StreamFailed
from tailgate_loadtest.engine.http.user import LoadUser

__all__ = ["LoadUser", "StreamFailed"]
