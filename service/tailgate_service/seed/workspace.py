"""The rows of one seeded workspace, as lines of COPY's text format.

Everything random comes from ``Random.random()``, the one method whose sequence Python promises to keep. Ids
are UUIDs of version 7, so that a seeded row sorts by its time like one written later. Times are microseconds
since 1970.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TypeVar

from tailgate_service.seed import texts
from tailgate_service.seed.config import SeedConfig

COLUMNS = {
    "workspaces": "id name api_key_sha256 phone_number_id created_at",
    "users": "id workspace_id name email role subject",
    "tags": "id workspace_id name color",
    "contacts": "id workspace_id name phone email created_at updated_at",
    "notes": "id workspace_id contact_id author_id body created_at",
    "conversations": "id workspace_id contact_id status assigned_to channel domain metadata unread_count "
    "last_message_at last_message_preview created_at",
    "conversation_tags": "conversation_id tag_id",
    "messages": "id workspace_id conversation_id direction body sender_id provider_message_id metadata status "
    "created_at",
    "agents": "id workspace_id phone_number configuration updated_at",
    "calls": "id workspace_id contact_id outcome lead_score summary started_at seconds",
}

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000_000
DAY = 86_400 * SECOND
NEWEST = int(datetime(2025, 6, 1, tzinfo=UTC).timestamp()) * SECOND
CONVERSATIONS_OVER = 90 * DAY
LONGEST_PAUSE = DAY // 4
# Messages of before were written without their workspace: about a tenth of all.
WORKSPACE_GIVEN = NEWEST - 81 * DAY
WORKSPACE_AGE = 400 * DAY
USERS = 8
PREVIEW = 80
NULL = r"\N"
# As often as each stands here: what conversations and answers have come to.
STATUSES = ("open",) * 9 + ("pending",) * 3 + ("resolved",) * 6 + ("archived",) * 2
ANSWER_STATUSES = ("read",) * 34 + ("delivered",) * 4 + ("sent", "failed")
DOMAINS = ("support",) * 9 + ("sales",) * 5 + ("billing",) * 3 + ("shipping",) * 2 + ("returns",)
CALLS = (1,) * 8 + (0, 2)
OUTCOMES = ("answered",) * 11 + ("missed",) * 5 + ("voicemail",) * 3 + ("failed",)

T = TypeVar("T")


class Workspace:
    """One workspace in the making; :attr:`rows` holds its lines by table, in the order foreign keys want.

    ``filled``: the schema takes no message without a workspace any more, so each has one.
    """

    def __init__(self, config: SeedConfig, number: int, *, filled: bool = False) -> None:
        self._random = Random(f"{config.seed}/{number}").random  # noqa: S311 - data, not secrets
        self._messages = config.messages
        self._number = number
        self._given = 0 if filled else WORKSPACE_GIVEN
        self.rows: dict[str, list[str]] = {table: [] for table in COLUMNS}
        self._id = self._uuid(NEWEST - WORKSPACE_AGE)
        self._workspace()
        self._users = [self._user(index) for index in range(USERS)]
        self._tags = [self._tag(name, color) for name, color in texts.TAGS]
        self._agent()
        for index in range(config.conversations):
            contact = self._contact(index)
            self._conversation(contact)
            self._call(contact)

    def _workspace(self) -> None:
        # The digest of no key that anybody knows.
        digest = "".join(f"{int(self._random() * 2**32):08x}" for _ in range(8))
        phone_number_id = f"1{self._number:05d}{int(self._random() * 10**9):09d}"
        name = f"Workspace {self._number + 1}"
        self._add("workspaces", self._id, name, rf"\\x{digest}", phone_number_id, _time(NEWEST - WORKSPACE_AGE))

    def _user(self, index: int) -> str:
        user = self._uuid(NEWEST - WORKSPACE_AGE + index * SECOND)
        email = f"user{index + 1}@workspace{self._number + 1}.example"
        subject = f"member-{self._number + 1}-{index + 1}"
        self._add("users", user, self._id, self._name(), email, "agent" if index else "admin", subject)
        return user

    def _tag(self, name: str, color: str) -> str:
        tag = self._uuid(NEWEST - WORKSPACE_AGE)
        self._add("tags", tag, self._id, name, color)
        return tag

    def _agent(self) -> None:
        agent = self._uuid(NEWEST - WORKSPACE_AGE)
        phone = f"+1{201 + self._number}5550100"
        self._add("agents", agent, self._id, phone, self._pick(texts.AGENTS), _time(NEWEST - CONVERSATIONS_OVER))

    def _contact(self, index: int) -> str:
        created = NEWEST - CONVERSATIONS_OVER - int(self._random() * CONVERSATIONS_OVER)
        contact = self._uuid(created)
        # Multiplying by a number prime to 10**7 spreads the numbers and keeps each of them once.
        digits = f"{index * 7919 % 10**7:07d}"
        phone = self._pick(texts.PHONES).format(201 + self._number, digits[:3], digits[3:])
        email = f"contact{index + 1}@workspace{self._number + 1}.example" if self._random() < 0.6 else NULL
        self._add("contacts", contact, self._id, self._name(), phone, email, _time(created), _time(created))
        if self._random() < 0.2:
            for number in range(1 + int(self._random() * 3)):
                noted = created + (number + 1) * DAY
                note = (
                    self._uuid(noted),
                    self._id,
                    contact,
                    self._pick(self._users),
                    self._pick(texts.NOTES),
                    _time(noted),
                )
                self._add("notes", *note)
        return contact

    def _conversation(self, contact: str) -> None:
        last = NEWEST - int(self._random() * CONVERSATIONS_OVER)
        times = [last]
        for _ in range(int(self._random() * (2 * self._messages - 1))):
            times.append(times[-1] - SECOND - int(self._random() ** 3 * LONGEST_PAUSE))
        times.reverse()
        conversation = self._uuid(times[0])
        assigned = self._pick(self._users) if self._random() < 0.7 else NULL
        incoming, body = 0, ""
        for index, time in enumerate(times):
            if index == 0 or self._random() < 0.5:
                incoming, body = incoming + 1, self._pick(texts.ASKED)
                self._message(conversation, time, "in", body, NULL, "received")
            else:
                incoming, body = 0, self._pick(texts.ANSWERED)
                self._message(conversation, time, "out", body, assigned, self._pick(ANSWER_STATUSES))
        status = self._pick(STATUSES)
        unread = str(incoming if status == "open" else 0)
        about = self._pick(DOMAINS), self._pick(texts.CONVERSATION_METADATA)
        row = status, assigned, "whatsapp", *about, unread, _time(last), body[:PREVIEW], _time(times[0])
        self._add("conversations", conversation, self._id, contact, *row)
        first = int(self._random() * len(self._tags))
        for number in range(int(self._random() * 3)):
            self._add("conversation_tags", conversation, self._tags[(first + number) % len(self._tags)])

    def _message(self, conversation: str, time: int, direction: str, body: str, sender: str, status: str) -> None:
        message = self._uuid(time)
        workspace = self._id if time >= self._given else NULL
        metadata = self._pick(texts.MESSAGE_METADATA)
        row = direction, body, sender, f"wamid.{message}", metadata, status, _time(time)
        self._add("messages", message, workspace, conversation, *row)

    def _call(self, contact: str) -> None:
        """Mostly one call, of some none, and of as many two."""
        for _ in range(self._pick(CALLS)):
            started = NEWEST - int(self._random() * CONVERSATIONS_OVER)
            outcome = self._pick(OUTCOMES)
            score, summary, seconds = NULL, NULL, 0
            if outcome == "answered":
                score = str(int(self._random() * 101))
                summary, seconds = self._pick(texts.SUMMARIES), 20 + int(self._random() ** 2 * 600)
            row = outcome, score, summary, _time(started), str(seconds)
            self._add("calls", self._uuid(started), self._id, contact, *row)

    def _add(self, table: str, *values: str) -> None:
        self.rows[table].append("\t".join(values) + "\n")

    def _uuid(self, time: int) -> str:
        return f"{time // 1000:012x}7{int(self._random() * 4096):03x}8{int(self._random() * 2**53) << 7:015x}"

    def _name(self) -> str:
        return f"{self._pick(texts.FIRST_NAMES)} {self._pick(texts.LAST_NAMES)}"

    def _pick(self, values: Sequence[T]) -> T:
        return values[int(self._random() * len(values))]


def _time(time: int) -> str:
    return str(EPOCH + timedelta(microseconds=time))
