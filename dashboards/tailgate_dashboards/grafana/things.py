"""What is put into a Grafana. Each knows how it is found there, how it should be, and how it is written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from tailgate_otel import names

from tailgate_dashboards.address import Address, no_address, read_address
from tailgate_dashboards.errors import GrafanaError

if TYPE_CHECKING:
    from .connection import Grafana


# Grafana's own bookkeeping: it changes with every save, and differs between one Grafana and the next.
_BOOKKEEPING = ("id", "version")
_PASSWORD = "basicAuthPassword"  # noqa: S105 - what Grafana calls it

Document = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What is there under a thing's uid: as far as it can be compared, and all of it."""

    document: Document
    whole: Document


class Thing(Protocol):
    """Something that a Grafana keeps under a uid."""

    @property
    def kind(self) -> str:
        """What it is called."""

    @property
    def uid(self) -> str:
        """Ours, the same in every Grafana."""

    @property
    def title(self) -> str:
        """What people see."""

    def wanted(self) -> Document:
        """As it should be; to be compared with what is found."""

    def find(self, grafana: "Grafana") -> Found | None:
        """What is there under its uid."""

    def write(self, grafana: "Grafana", found: Found | None) -> None:
        """Put it there, in the place of what was found."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Folder:
    """The folder of the boards."""

    title: str
    uid: str = names.GRAFANA_FOLDER
    kind: str = field(default="folder", init=False)

    def wanted(self) -> Document:
        """Its title."""
        return {"title": self.title}

    def find(self, grafana: "Grafana") -> Found | None:
        """By its uid."""
        whole = grafana.find("read folders", lambda api: api.folder.get_folder(self.uid))
        return None if whole is None else Found(document={"title": whole.get("title")}, whole=whole)

    def write(self, grafana: "Grafana", found: Found | None) -> None:
        """Make it, or give it its title."""
        if found is None:
            grafana.ask(f"make the folder {self.title}", lambda api: api.folder.create_folder(self.title, self.uid))
        else:
            version = found.whole.get("version")
            grafana.ask(
                f"rename the folder {self.uid}",
                lambda api: api.folder.update_folder(self.uid, self.title, version=version),
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A data source; ``settings`` are its ``jsonData``. What Grafana has beside them is left alone.

    So are its credentials, unless there is a ``user`` here. Grafana gives no password away: one that was changed here
    is written once something else differs.
    """

    title: str
    """Its name where we make it; another is as good."""
    uid: str
    type: str
    url: str
    """As the Grafana reaches it, without credentials: everybody who may see the data source may see it."""
    user: str | None = None
    password: str = field(default="", repr=False)
    settings: Mapping[str, Any] = field(default_factory=dict)
    kind: str = field(default="data source", init=False)

    def wanted(self) -> Document:
        """What we have a say in."""
        wanted: Document = {"type": self.type, "url": self.url, "access": "proxy", "jsonData": dict(self.settings)}
        if self.user is not None:
            wanted |= {"basicAuth": True, "basicAuthUser": self.user, "secureJsonFields": {_PASSWORD: True}}
        return wanted

    def find(self, grafana: "Grafana") -> Found | None:
        """By its uid."""
        whole = grafana.find("read data sources", lambda api: api.datasource.get_datasource_by_uid(self.uid))
        if whole is None:
            return None
        document = {key: whole.get(key) for key in self.wanted()}
        document["jsonData"] = {key: value for key, value in _settings(whole).items() if key in self.settings}
        if "@" in (there := str(document["url"])):
            # Somebody wrote credentials into it, which are not to be shown.
            document["url"] = f"(with credentials) {there.rpartition('@')[2]}"
        if "secureJsonFields" in document:
            kept = document["secureJsonFields"] or {}
            document["secureJsonFields"] = {_PASSWORD: bool(kept.get(_PASSWORD))}
        return Found(document=document, whole=whole)

    def write(self, grafana: "Grafana", found: Found | None) -> None:
        """Make it, or change what we have a say in."""
        what = f"write the data source {self.title}"
        wanted = {key: value for key, value in self.wanted().items() if key != "secureJsonFields"}
        if self.user is not None:
            wanted["secureJsonData"] = {_PASSWORD: self.password}
        if found is None:
            made = {**wanted, "uid": self.uid, "name": self.title}
            grafana.ask(what, lambda api: api.datasource.create_datasource(made))
        else:
            settings = {**_settings(found.whole), **self.settings}
            changed = {**found.whole, **wanted, "jsonData": settings}
            grafana.ask(what, lambda api: api.datasource.update_datasource_by_uid(self.uid, changed))


@dataclass(frozen=True, kw_only=True, slots=True)
class Board:
    """A board, as Grafana's JSON model; ``folder`` is the uid of the folder it lies in."""

    model: Document
    message: str
    """What the board's history says of the change."""
    folder: str = names.GRAFANA_FOLDER
    kind: str = field(default="board", init=False)

    @property
    def uid(self) -> str:
        """From the model."""
        return str(self.model["uid"])

    @property
    def title(self) -> str:
        """From the model."""
        return str(self.model["title"])

    def wanted(self) -> Document:
        """The model and its folder."""
        return {"folder": self.folder, "board": _bare(self.model)}

    def find(self, grafana: "Grafana") -> Found | None:
        """By its uid."""
        whole = grafana.find("read boards", lambda api: api.dashboard.get_dashboard(self.uid))
        if whole is None:
            return None
        board, meta = whole.get("dashboard"), whole.get("meta")
        if not isinstance(board, dict) or not isinstance(meta, dict):
            raise grafana.stranger()
        return Found(document={"folder": meta.get("folderUid"), "board": _bare(board)}, whole=board)

    def write(self, grafana: "Grafana", found: Found | None) -> None:
        """Save it. Refused, rather than lost, is what somebody saved since it was found, or has under its title."""
        board = _bare(self.model)
        if found is not None:
            board["version"] = found.whole.get("version")
        document = {"dashboard": board, "folderUid": self.folder, "message": self.message, "overwrite": False}
        grafana.ask(f"save the board {self.title}", lambda api: api.dashboard.update_dashboard(document))


def prometheus(url: str, tempo: bool) -> Source:
    """A Prometheus; with ``tempo``, a click on an exemplar opens its trace there. Raises GrafanaError."""
    settings: Document = {"httpMethod": "POST"}
    if tempo:
        destination = {"name": names.LABEL_TRACE_ID, "datasourceUid": names.GRAFANA_TEMPO}
        settings["exemplarTraceIdDestinations"] = [destination]
    address = _address(url, "a Prometheus", "http://prometheus:9090")
    return Source(
        title="Prometheus (tailgate)",
        uid=names.GRAFANA_PROMETHEUS,
        type="prometheus",
        url=address.url,
        user=address.user,
        password=address.password,
        settings=settings,
    )


def tempo(url: str) -> Source:
    """A Tempo. Raises GrafanaError."""
    address = _address(url, "a Tempo", "http://tempo:3200")
    return Source(
        title="Tempo (tailgate)",
        uid=names.GRAFANA_TEMPO,
        type="tempo",
        url=address.url,
        user=address.user,
        password=address.password,
    )


def _address(url: str, whose: str, example: str) -> Address:
    address = read_address(url)
    if address is None:
        raise GrafanaError(no_address(url, whose, example))
    return address


def _bare(board: Document) -> Document:
    return {key: value for key, value in board.items() if key not in _BOOKKEEPING}


def _settings(source: Document) -> Document:
    settings = source.get("jsonData")
    return settings if isinstance(settings, dict) else {}
