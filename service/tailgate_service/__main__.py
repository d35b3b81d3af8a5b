"""``python -m tailgate_service``: serve, configured by the environment alone.

Standard output gets one line of JSON once requests are accepted, standard error all else. Exit 2 with one
sentence when it cannot start, 0 after SIGINT or SIGTERM.
"""

import json
import logging
import os
import sys

import uvloop
from tailgate_otel import OtelError
from tailgate_slo import SloError

from tailgate_service.errors import ServiceError
from tailgate_service.process import die_with_parent
from tailgate_service.server import serve
from tailgate_service.settings import Settings
from tailgate_service.telemetry import configure


def main() -> int:
    """Serve until told to stop; the exit status."""
    die_with_parent()
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    environ = dict(os.environ)
    try:
        settings = Settings.from_env(environ)
        uvloop.run(serve(settings, configure(settings, environ), _announce))
    except (ServiceError, OtelError, SloError) as error:
        sys.stderr.write(f"tailgate-service: {error}\n")
        return 2
    return 0


def _announce(url: str, metrics_url: str, hot_bytes: int) -> None:
    ready = {"ready": True, "url": url, "metrics_url": metrics_url, "hot_bytes": hot_bytes}
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
