"""How Prometheus, Alertmanager and Grafana are run: where each program is found, and what it is told."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tailgate_dashboards import data
from tailgate_dashboards.boards import files
from tailgate_otel import names

LOOPBACK = "127.0.0.1"
RETENTION = "35d"
"""Longer than the objectives' period."""
# Where a Tempo of one's own would be: none is started here.
_TEMPO = f"http://{LOOPBACK}:3200"


@dataclass(frozen=True, kw_only=True)
class Found:
    """A program that is there: what to call, and the variables that it is given besides ours."""

    argv: tuple[str, ...]
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class Watcher:
    """One of them: its ``usual_port``, the path of its page that answers once it is ready, and how it is found.

    ``find`` takes the directory of its files and everybody's addresses by their names, and returns why it is not there
    in words.
    """

    name: str
    usual_port: int
    ready: str
    find: Callable[[Path, Mapping[str, str]], Found | str]


def _alertmanager(directory: Path, urls: Mapping[str, str]) -> Found | str:
    # Debian gives it another name.
    binary = shutil.which("alertmanager") or shutil.which("prometheus-alertmanager")
    if binary is None:
        return "there is no `alertmanager` on the PATH; alerts are shown by Prometheus alone"
    return Found(
        argv=(
            binary,
            f"--config.file={directory / 'alertmanager.yml'}",
            f"--storage.path={directory / 'alertmanager'}",
            f"--web.listen-address={urlsplit(urls['alertmanager']).netloc}",
            "--cluster.listen-address=",
        )
    )


def _prometheus(directory: Path, urls: Mapping[str, str]) -> Found | str:
    binary = shutil.which("prometheus")
    if binary is None:
        return "there is no `prometheus` on the PATH; nothing is recorded, and no rule is evaluated"
    return Found(
        argv=(
            binary,
            f"--config.file={directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={directory / 'prometheus'}",
            f"--storage.tsdb.retention.time={RETENTION}",
            "--enable-feature=exemplar-storage",
            f"--web.listen-address={urlsplit(urls['prometheus']).netloc}",
        )
    )


def _grafana(directory: Path, urls: Mapping[str, str]) -> Found | str:
    binary = shutil.which("grafana")
    if binary is None:
        return "there is no `grafana` on the PATH; the boards are not shown"
    homes = (Path(binary).resolve().parents[1], Path("/usr/share/grafana"))
    home = next((path for path in homes if (path / "conf" / "defaults.ini").is_file()), None)
    if home is None:
        return f"{binary} is there, but its conf/defaults.ini is below neither {homes[0]} nor {homes[1]}"
    own = directory / "grafana"
    environ = {
        "GF_PATHS_DATA": str(own),
        "GF_PATHS_LOGS": str(own / "log"),
        "GF_PATHS_PLUGINS": str(own / "plugins"),
        "GF_PATHS_PROVISIONING": str(data.file("provisioning")),
        "GF_SERVER_HTTP_ADDR": LOOPBACK,
        "GF_SERVER_HTTP_PORT": str(urlsplit(urls["grafana"]).port),
        "GF_SECURITY_ADMIN_PASSWORD": _password(own / "password"),
        # Whoever is on this machine may look, and change nothing.
        "GF_AUTH_ANONYMOUS_ENABLED": "true",
        "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
        # It would fetch them at each start.
        "GF_PLUGINS_PREINSTALL_DISABLED": "true",
        names.ENV_PROMETHEUS_URL: urls["prometheus"],
        names.ENV_ALERTMANAGER_URL: urls["alertmanager"],
        names.ENV_TEMPO_URL: _TEMPO,
        names.ENV_BOARDS: str(directory / files.BOARDS),
    }
    return Found(argv=(binary, "server", "--homepath", str(home)), environ=environ)


def _password(file: Path) -> str:
    """The admin's, made once: Grafana heeds only that of its first start."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w") as made:
            made.write(secrets.token_urlsafe(24))
    return file.read_text()


WATCHERS = (
    Watcher(name="alertmanager", usual_port=9093, ready="/-/ready", find=_alertmanager),
    Watcher(name="prometheus", usual_port=9090, ready="/-/ready", find=_prometheus),
    Watcher(name="grafana", usual_port=3000, ready="/api/health", find=_grafana),
)
"""In the order in which they are started."""
