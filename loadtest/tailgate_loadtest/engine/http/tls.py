"""What connections of this process are secured with."""

import ssl
from functools import cache

import gevent.ssl

from tailgate_loadtest.shapes.orders import Tls


@cache
def client_context(tls: Tls) -> ssl.SSLContext:
    """The one context of all users with these options: making one reads a few hundred certificates."""
    # With authorities of its own it trusts nobody else's.
    context: ssl.SSLContext = gevent.ssl.create_default_context(cafile=tls.cacert)
    if tls.cert:
        context.load_cert_chain(tls.cert, tls.key)
    if tls.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
