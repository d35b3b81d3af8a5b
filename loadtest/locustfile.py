"""The personas of the reference API: somebody looks up a caller, an agent works the inbox, the provider delivers.

Runs under ``tailgate run`` (open model) and under plain ``locust -f loadtest/locustfile.py`` (closed), fed by the
targets file that ``tailgate serve`` writes.
"""

import hashlib
import hmac
import json
import random
import time
import uuid
from functools import cache

from locust import between, events, task
from tailgate_loadtest.engine.http import LoadUser
from tailgate_loadtest.engine.thinking import think
from tailgate_loadtest.targets import Targets, Workspace, load


@cache
def targets() -> Targets:
    """The targets file, read once."""
    return load()


@events.init.add_listener
def _read_targets(**_: object) -> None:
    # A missing file is said once, before the load, and not by every user.
    targets()


class Persona(LoadUser):
    """What the three have in common: a workspace each, and its key."""

    abstract = True
    wait_time = between(0.5, 1.5)

    def on_start(self) -> None:
        """Take a workspace."""
        self.workspace: Workspace = random.choice(targets().workspaces)
        self.key = {"x-api-key": self.workspace.api_key}


class Caller(Persona):
    """Looks up who calls, and what was said last."""

    weight = 4

    @task
    def look_up(self) -> None:
        """Find the contact by its number."""
        self.client.get(
            "/api/contacts/by-phone",
            params={"phone": random.choice(self.workspace.phones)},
            headers=self.key,
            name="/api/contacts/by-phone",
        )


class Agent(Persona):
    """Works the inbox: list, open a thread, answer."""

    weight = 3

    @task
    def work(self) -> None:
        """One look at the inbox, one answer."""
        filters = random.choice(({}, {"active": "true"}, {"status": "open"}, {"assigned_to": "unassigned"}))
        self.client.get("/api/conversations", params=filters, headers=self.key, name="/api/conversations")
        think(self, random.uniform(0.2, 0.6))
        conversation = random.choice(self.workspace.conversations)
        self.client.get(
            f"/api/conversations/{conversation}/messages",
            headers=self.key,
            name="/api/conversations/{conversation_id}/messages",
        )
        think(self, random.uniform(0.2, 0.6))
        self.client.post(
            "/api/messages/send",
            json={"conversation_id": conversation, "body": "Thank you, we will be with you in a moment."},
            headers=self.key,
            name="/api/messages/send",
        )


class Provider(Persona):
    """The messaging provider delivers what customers write."""

    weight = 3

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
