"""The personas of the reference API: who calls is looked up, a team works its inbox, the provider delivers.

Runs under ``tailgate run`` (open model) and under plain ``locust -f loadtest/locustfile.py`` (closed), fed by the
targets file that ``tailgate serve`` writes. Weights are per cent of arrivals. Nobody is rarer than 4: a persona that
comes once in a thousand would leave its objectives undecided after half a minute. Nor is anything asked for by a long
way only: of a service that is overloaded the last step would never be seen.
"""

import hashlib
import hmac
import json
import random
import time
import uuid
from datetime import datetime
from functools import cache
from typing import Any

import gevent
from locust import between, events, task
from tailgate_loadtest.engine.http import LoadUser
from tailgate_loadtest.engine.http.sse import EventStream
from tailgate_loadtest.engine.http.websocket import Message, WebSocket
from tailgate_loadtest.engine.thinking import think
from tailgate_loadtest.shapes.eventstream import Event
from tailgate_loadtest.targets import Targets, Workspace, load

FILTERS: tuple[dict[str, str], ...] = (
    *({}, {"active": "true"}, {"status": "open"}, {"assigned_to": "unassigned"}),
    *({"tag": "vip"}, {"domain": "sales"}, {"search": "ana"}),
)
LATEST = "/api/me", "/api/analytics/leads", "/api/analytics/recent-activity"
PANELS = (
    *("/api/analytics/dashboard-pulse", "/api/calls-dashboard"),
    *("/api/analytics/hourly-volume", "/api/analytics/domains"),
)
"""The panels of a day; the others always show the latest."""
VIEW = {
    "page": "/dashboard",
    "device": "desktop",
    "navigation": "navigate",
    "values": {"lcp": 1.2, "inp": 0.08, "cls": 0.01, "fcp": 0.9, "ttfb": 0.1},
    "timings": {"panels_complete": 1.4},
}
"""What such a page tells of itself when it is left; what a load test tells is not counted."""


@cache
def targets() -> Targets:
    """The targets file, read once."""
    return load()


@events.init.add_listener
def _read_targets(**_: object) -> None:
    # A missing file is said once, before the load, and not by every user.
    targets()


class Persona(LoadUser):
    """What all have in common: a workspace each, and its key."""

    abstract = True
    wait_time = between(0.5, 1.5)

    def on_start(self) -> None:
        """Take a workspace."""
        self.workspace: Workspace = random.choice(targets().workspaces)
        self.key = {"x-api-key": self.workspace.api_key}

    def ask(self, method: str, route: str, *, path: str | None = None, **more: Any) -> Any:
        """Request a route with the workspace's key; ``path`` is where its template has parameters."""
        headers = {**self.key, **more.pop("headers", {})}
        return self.client.request(method, path or route, name=route, headers=headers, **more)

    def ask_at_once(self, *requests: dict[str, Any]) -> None:
        """Request several routes at once, and wait until all are answered."""
        asking = [gevent.spawn(self.ask, "GET", **request) for request in requests]
        try:
            gevent.joinall(asking, raise_error=True)
        finally:
            gevent.killall(asking, block=False)


class Caller(Persona):
    """Looks up who calls, and what was said last."""

    weight = 24

    @task
    def look_up(self) -> None:
        """Find the contact by its number."""
        self.ask("GET", "/api/contacts/by-phone", params={"phone": random.choice(self.workspace.phones)})


class Agent(Persona):
    """Works the inbox."""

    weight = 24

    @task(5)
    def work(self) -> None:
        """One look at the inbox, one answer."""
        self.ask("GET", "/api/conversations", params=random.choice(FILTERS))
        think(self, random.uniform(0.2, 0.6))
        conversation = random.choice(self.workspace.conversations)
        path = f"/api/conversations/{conversation}/messages"
        self.ask("GET", "/api/conversations/{conversation_id}/messages", path=path)
        think(self, random.uniform(0.2, 0.6))
        message = {"conversation_id": conversation, "body": "Thank you, we will be with you in a moment."}
        self.ask("POST", "/api/messages/send", json=message)

    @task
    def assign(self) -> None:
        """Hand a conversation to somebody of the team, as read."""
        change = {"assigned_to": random.choice(self.workspace.users), "unread_count": 0}
        path = f"/api/conversations/{random.choice(self.workspace.conversations)}"
        self.ask("PATCH", "/api/conversations/{conversation_id}", path=path, json=change)


class Provider(Persona):
    """The messaging provider delivers what customers write."""

    weight = 20

    @task
    def deliver(self) -> None:
        """One signed delivery of a new message from a known customer."""
        body = json.dumps(
            {
                "message": {
                    "id": f"wamid.{uuid.uuid4().hex}",
                    "timestamp": str(int(time.time())),
                    "type": "text",
                    "text": {"body": "Is my order on its way?"},
                },
                "conversation": {"phone_number": random.choice(self.workspace.phones)},
                "phone_number_id": self.workspace.phone_number_id,
            }
        ).encode()
        signature = hmac.new(targets().webhook_secret.encode(), body, hashlib.sha256).hexdigest()
        self.client.post(
            "/api/webhook/kapso",
            data=body,
            headers={"content-type": "application/json", "x-webhook-signature": signature},
            name="/api/webhook/kapso",
        )


class Keeper(Persona):
    """Keeps the contacts."""

    weight = 10

    @task
    def find(self) -> None:
        """Find somebody, and look."""
        self.ask("GET", "/api/contacts", params=random.choice(({}, {"search": "ana"}, {"search": "ben ba"})))
        think(self, random.uniform(0.2, 0.6))
        contact = random.choice(self.workspace.contacts)
        self.ask("GET", "/api/contacts/{contact_id}", path=f"/api/contacts/{contact}")

    @task
    def correct(self) -> None:
        """Correct an address."""
        contact = random.choice(self.workspace.contacts)
        change = {"email": f"{uuid.uuid4().hex[:12]}@example.test"}
        self.ask("PATCH", "/api/contacts/{contact_id}", path=f"/api/contacts/{contact}", json=change)

    @task
    def mistake(self) -> None:
        """Write somebody down who should not be there, and delete the contact again."""
        contact = {"name": "Nobody", "phone": f"+999{random.randrange(10**11):011d}"}
        made = self.ask("POST", "/api/contacts", json=contact)
        if made.ok:
            self.ask("DELETE", "/api/contacts/{contact_id}", path=f"/api/contacts/{made.json()['id']}")


class Manager(Persona):
    """Has the dashboards open."""

    weight = 4

    @task
    def watch(self) -> None:
        """Ask for all panels at once, as the page does, and for who is looking; then leave."""
        day = {"today": targets().today}
        self.ask_at_once(
            *({"route": route} for route in LATEST), *({"route": route, "params": day} for route in PANELS)
        )
        think(self, random.uniform(0.2, 0.6))
        self.client.post("/api/vitals", json=VIEW, name="/api/vitals")


class Founder(Persona):
    """Sets the voice agent up, and tries it."""

    weight = 10

    @task
    def look(self) -> None:
        """Open its configuration, and ask who answers its number."""
        answer = self.ask("GET", "/api/founder-console/agent")
        if answer.ok:
            number = {"phone_number": answer.json()["phone_number"]}
            self.ask("GET", "/api/founder-console/agent/by-number", params=number)

    @task
    def save(self) -> None:
        """Open its configuration, and save it as it is."""
        answer = self.ask("GET", "/api/founder-console/agent")
        if answer.ok:
            agent = answer.json()
            same = {"phone_number": agent["phone_number"], "configuration": agent["configuration"]}
            self.ask("PUT", "/api/founder-console/agent", json=same, headers={"if-match": "*"})

    @task
    def call(self) -> None:
        """Call it, and follow how far the call comes."""
        begun = self.ask("POST", "/api/founder-console/test-agent")
        if begun.ok:
            route, call = "/api/founder-console/test-agent/{call_id}", begun.json()["id"]
            path = f"/api/founder-console/test-agent/{call}"
            self.ask_at_once({"route": route, "path": path}, {"route": f"{route}/events", "path": f"{path}/events"})


class Follower(Persona):
    """Has the inbox open, and is told of messages as they come."""

    weight = 4

    @task
    def follow(self) -> None:
        """Come in with a ticket, by a WebSocket or by server-sent events, and stay for some seconds."""
        given = self.ask("POST", "/api/live/ticket")
        if not given.ok:
            return
        ticket = {"ticket": given.json()["ticket"]}
        opened: WebSocket | EventStream
        if random.random() < 0.5:
            opened = self.client.websocket("/api/live", params=ticket, name="/api/live", sent_at=sent_at)
        else:
            opened = self.client.events("/api/live/events", params=ticket, name="/api/live/events", sent_at=sent_at)
        with opened as live:
            for _ in live.listen(random.uniform(2, 4)):
                pass


class Monitor(Persona):
    """Asks from outside whether the service is there, and whether the webhook is still ours."""

    weight = 4

    @task
    def probe(self) -> None:
        """Both, one after the other."""
        self.client.get("/health", name="/health")
        proof = {
            "hub.mode": "subscribe",
            "hub.verify_token": targets().webhook_verify_token,
            "hub.challenge": str(random.randrange(10**9)),
        }
        self.client.get("/api/webhook/kapso", params=proof, name="/api/webhook/kapso")


def sent_at(told: Message | Event) -> float | None:
    """When what is told of happened; greetings and heartbeats bear no moment."""
    at = told.json().get("at")
    return None if at is None else datetime.fromisoformat(at).timestamp()
