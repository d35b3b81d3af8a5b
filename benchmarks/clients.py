"""The clients that are measured beside one another, and how each is told to put the same load on."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

CONNECTIONS = 50
_OPEN_RATE = 4000
"""Arrivals per second under the open model: a rate that every client with such a model holds on one core."""
_BIN = Path(sys.executable).parent

_LOCUSTFILE = """\
from locust import FastHttpUser, HttpUser, task
from tailgate_loadtest.engine.http import LoadUser


class Person({base}):
    insecure = True

    def on_start(self):
        self.client.verify = False

    @task
    def ask(self):
        {ask}
"""
_ASK = {
    "GET": 'self.client.get("/items?page=1", name="/items")',
    "POST": 'self.client.post("/items", json={"id": 17, "name": "Ada", "tags": ["new", "vip"]}).json()',
}
_K6 = """\
import http from 'k6/http';
export const options = {{
  insecureSkipTLSVerify: true, discardResponseBodies: {discard}, scenarios: {{one: {scenario}}},
}};
const headers = {{'Content-Type': 'application/json'}};
export default function () {{ {ask} }}
"""
_K6_ASK = {
    "GET": "http.get(`${__ENV.HOST}/items?page=1`, {tags: {name: '/items'}});",
    "POST": "http.post(`${__ENV.HOST}/items`,"
    " JSON.stringify({id: 17, name: 'Ada', tags: ['new', 'vip']}), {headers}).json();",
}
_WRK_POST = """\
wrk.method = "POST"
wrk.body = '{"id":17,"name":"Ada","tags":["new","vip"]}'
wrk.headers["Content-Type"] = "application/json"
"""
_PROFILE = f"""\
name: high
stages:
  - {{duration: 10m, rate: {_OPEN_RATE}}}
users: 500
"""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One kind of request."""

    name: str
    method: str = "GET"
    secure: bool = False
    open: bool = False


ROWS = (
    Row(name="get"),
    Row(name="post", method="POST"),
    Row(name="tls", secure=True),
    Row(name="open", open=True),
)


@dataclass(frozen=True, kw_only=True)
class Client:
    """Something that puts load on, for longer than is measured."""

    name: str
    command: Callable[[Row, str, Path], list[str]]
    program: str | None = None
    """What must be installed."""
    rows: tuple[str, ...] = ("get", "post", "tls")

    def does(self, row: Row) -> bool:
        """Whether it can put such a load on."""
        return row.name in self.rows


def _tailgate(row: Row, url: str, directory: Path) -> list[str]:
    (directory / "high.yaml").write_text(_PROFILE, encoding="utf-8")
    load = ["--profile", "high.yaml"] if row.open else ["-u", str(CONNECTIONS), "-t", "10m"]
    return [str(_BIN / "tailgate"), "run", "-f", _locustfile("LoadUser", row, directory), "-H", url, *load]


def _locust(base: str) -> Callable[[Row, str, Path], list[str]]:
    def command(row: Row, url: str, directory: Path) -> list[str]:
        swarm = ["-u", str(CONNECTIONS), "-r", str(CONNECTIONS), "-t", "10m", "--headless", "--only-summary"]
        return [str(_BIN / "locust"), "-f", _locustfile(base, row, directory), "-H", url, *swarm]

    return command


def _locustfile(base: str, row: Row, directory: Path) -> str:
    file = directory / "locustfile.py"
    file.write_text(_LOCUSTFILE.format(base=base, ask=_ASK[row.method]), encoding="utf-8")
    return str(file)


def _k6(row: Row, url: str, directory: Path) -> list[str]:
    scenario = f"{{executor: 'constant-vus', vus: {CONNECTIONS}, duration: '10m'}}"
    if row.open:
        scenario = (
            f"{{executor: 'constant-arrival-rate', rate: {_OPEN_RATE}, duration: '10m',"
            f" preAllocatedVUs: {CONNECTIONS}, maxVUs: 500}}"
        )
    script = directory / "script.js"
    discard = "false" if row.method == "POST" else "true"
    script.write_text(_K6.format(discard=discard, scenario=scenario, ask=_K6_ASK[row.method]), encoding="utf-8")
    return ["k6", "run", "--quiet", "--no-usage-report", "--env", f"HOST={url}", str(script)]


def _hey(row: Row, url: str, directory: Path) -> list[str]:
    del directory
    post = ["-m", "POST", "-T", "application/json", "-d", '{"id":17,"name":"Ada","tags":["new","vip"]}']
    many = ["-z", "10m", "-c", str(CONNECTIONS)]
    return ["hey", *many, *(post if row.method == "POST" else []), f"{url}/items?page=1"]


def _wrk(row: Row, url: str, directory: Path) -> list[str]:
    script = directory / "post.lua"
    script.write_text(_WRK_POST, encoding="utf-8")
    post = ["-s", str(script)] if row.method == "POST" else []
    return ["wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", "10m", *post, f"{url}/items?page=1"]


CLIENTS: Sequence[Client] = (
    Client(name="tailgate", command=_tailgate, rows=("get", "post", "tls", "open")),
    Client(name="FastHttpUser", command=_locust("FastHttpUser")),
    Client(name="HttpUser", command=_locust("HttpUser")),
    Client(name="k6", command=_k6, program="k6", rows=("get", "post", "tls", "open")),
    Client(name="hey", command=_hey, program="hey"),
    Client(name="wrk", command=_wrk, program="wrk"),
)
