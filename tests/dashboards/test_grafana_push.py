"""Boards into a Grafana: what is written, that it is written once, and how a Grafana can refuse.

Against the stand-in of ``grafana_standin``, which says what that shows and what it does not.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tailgate_dashboards.errors import GrafanaError
from tailgate_dashboards.grafana.connection import Grafana
from tailgate_dashboards.grafana.push import carry_out, compare
from tailgate_dashboards.grafana.things import Board, Folder, Thing, prometheus, tempo
from tailgate_otel import names

from tests.dashboards.grafana_standin import ADMIN, EDITOR, VIEWER, GrafanaStandIn, grafana_standin
from tests.server import Response, Server

PROVISIONING = Path(__file__).parents[2] / "dashboards/provisioning"


@pytest.fixture
def standin() -> Iterator[GrafanaStandIn]:
    with grafana_standin() as running:
        yield running


@pytest.fixture
def things() -> list[Thing]:
    return [Folder(title="Tailgate"), *(board(uid) for uid in ("tailgate-a", "tailgate-b"))]


def board(uid: str, **more: Any) -> Board:
    return Board(model={"uid": uid, "title": f"Board {uid}", "panels": [], **more}, message="tailgate 0.1.0")


def push(standin: GrafanaStandIn, things: list[Thing], token: str = EDITOR) -> list[str]:
    """What was done about each."""
    grafana = Grafana(standin.url, token)
    changes = compare(grafana, things)
    carry_out(grafana, changes)
    return [change.action for change in changes]


def test_what_is_missing_is_made_and_once_more_nothing_is_done(standin: GrafanaStandIn, things: list[Thing]) -> None:
    assert push(standin, things) == ["create", "create", "create"]
    assert standin.folders[names.GRAFANA_FOLDER]["title"] == "Tailgate"
    assert {each["meta"]["folderUid"] for each in standin.boards.values()} == {names.GRAFANA_FOLDER}
    written = list(standin.written)
    assert push(standin, things) == ["keep", "keep", "keep"]
    assert standin.written == written


def test_only_what_differs_is_written(standin: GrafanaStandIn, things: list[Thing]) -> None:
    push(standin, things)
    standin.written.clear()
    things[1] = board("tailgate-a", refresh="30s")
    assert push(standin, things) == ["keep", "update", "keep"]
    assert standin.written == ["POST /api/dashboards/db"]
    assert standin.boards["tailgate-a"]["model"]["refresh"] == "30s"
    assert standin.boards["tailgate-a"]["model"]["version"] == 2


def test_what_was_changed_by_hand_is_shown_and_put_back(standin: GrafanaStandIn, things: list[Thing]) -> None:
    push(standin, things)
    standin.boards["tailgate-b"]["model"] |= {"title": "Mine", "version": 7}
    standin.boards["tailgate-a"]["meta"]["folderUid"] = "elsewhere"
    standin.folders[names.GRAFANA_FOLDER] |= {"title": "Renamed", "version": 4}
    changes = compare(Grafana(standin.url, EDITOR), things)
    assert [change.action for change in changes] == ["update", "update", "update"]
    assert '-  "title": "Renamed"\n+  "title": "Tailgate"' in changes[0].diff
    assert '-  "folder": "elsewhere"' in changes[1].diff
    assert '-    "title": "Mine"' in changes[2].diff
    assert push(standin, things) == ["update", "update", "update"]
    assert push(standin, things) == ["keep", "keep", "keep"]


def test_what_somebody_saves_meanwhile_is_not_lost(standin: GrafanaStandIn, things: list[Thing]) -> None:
    push(standin, things)
    grafana = Grafana(standin.url, EDITOR)
    changes = compare(grafana, [board("tailgate-a", refresh="30s")])
    standin.boards["tailgate-a"]["model"] |= {"description": "just written", "version": 2}
    with pytest.raises(GrafanaError, match="changed by someone else"):
        carry_out(grafana, changes)
    assert standin.boards["tailgate-a"]["model"]["description"] == "just written"


def test_somebody_elses_board_of_the_same_title_is_left_alone(standin: GrafanaStandIn, things: list[Thing]) -> None:
    push(standin, [things[0], board("theirs", title="Board tailgate-a")])
    with pytest.raises(GrafanaError, match="save the board Board tailgate-a: 412: A dashboard with the same name"):
        push(standin, things)
    assert standin.boards.keys() == {"theirs"}


def test_a_board_that_is_provisioned_there_from_a_file_says_so(standin: GrafanaStandIn, things: list[Thing]) -> None:
    push(standin, things)
    standin.provisioned.add("tailgate-a")
    with pytest.raises(GrafanaError, match="Cannot save provisioned dashboard"):
        push(standin, [board("tailgate-a", refresh="30s")])


def test_data_sources_lead_from_an_exemplar_to_its_trace(standin: GrafanaStandIn) -> None:
    sources: list[Thing] = [tempo("http://tempo:3200"), prometheus("http://prometheus:9090", tempo=True)]
    assert push(standin, sources, ADMIN) == ["create", "create"]
    made = standin.sources[names.GRAFANA_PROMETHEUS]
    assert (made["type"], made["url"], made["access"]) == ("prometheus", "http://prometheus:9090", "proxy")
    (destination,) = made["jsonData"]["exemplarTraceIdDestinations"]
    assert destination == {"name": names.LABEL_TRACE_ID, "datasourceUid": names.GRAFANA_TEMPO}
    assert push(standin, sources, ADMIN) == ["keep", "keep"]


def test_a_grafana_that_is_provisioned_has_the_same_data_sources() -> None:
    text = (PROVISIONING / "datasources/tailgate.yaml").read_text(encoding="utf-8")
    provisioned = {source["uid"]: source for source in yaml.safe_load(text)["datasources"]}
    for source in (prometheus("http://prometheus", tempo=True), tempo("http://tempo")):
        there = provisioned[source.uid]
        assert there["type"] == source.type
        assert source.settings.items() <= there.get("jsonData", {}).items()
    (boards,) = yaml.safe_load((PROVISIONING / "dashboards/tailgate.yaml").read_text(encoding="utf-8"))["providers"]
    assert boards["folderUid"] == names.GRAFANA_FOLDER


def test_of_a_data_source_only_what_we_set_is_changed(standin: GrafanaStandIn) -> None:
    push(standin, [prometheus("http://old:9090", tempo=False)], ADMIN)
    theirs = standin.sources[names.GRAFANA_PROMETHEUS]
    theirs |= {"basicAuth": True, "jsonData": {**theirs["jsonData"], "timeInterval": "30s"}}
    assert push(standin, [prometheus("http://old:9090", tempo=False)], ADMIN) == ["keep"]
    assert push(standin, [prometheus("http://new:9090", tempo=False)], ADMIN) == ["update"]
    after = standin.sources[names.GRAFANA_PROMETHEUS]
    assert after["url"] == "http://new:9090"
    assert after["basicAuth"]
    assert after["jsonData"]["timeInterval"] == "30s"


def test_a_data_sources_password_is_kept_where_grafana_keeps_secrets(standin: GrafanaStandIn) -> None:
    sources: list[Thing] = [prometheus("http://me:ge%2Fheim@prometheus:9090/", tempo=False)]
    assert push(standin, sources, ADMIN) == ["create"]
    made = standin.sources[names.GRAFANA_PROMETHEUS]
    assert (made["url"], made["basicAuth"], made["basicAuthUser"]) == ("http://prometheus:9090", True, "me")
    assert standin.secrets[names.GRAFANA_PROMETHEUS] == {"basicAuthPassword": "ge/heim"}
    assert "heim" not in str(made) + repr(sources)
    assert push(standin, sources, ADMIN) == ["keep"]


def test_a_password_in_a_data_sources_address_is_not_shown_and_goes(standin: GrafanaStandIn) -> None:
    push(standin, [prometheus("http://prometheus:9090", tempo=False)], ADMIN)
    standin.sources[names.GRAFANA_PROMETHEUS]["url"] = "http://me:geheim@prometheus:9090"
    (change,) = compare(Grafana(standin.url, ADMIN), [prometheus("http://me:geheim@prometheus:9090", tempo=False)])
    assert change.action == "update"
    assert "geheim" not in change.diff
    carry_out(Grafana(standin.url, ADMIN), [change])
    assert "geheim" not in str(standin.sources)


@pytest.mark.parametrize("url", ["foo", "ftp://u:geheim@h", "http://u:gehe#im@h", "http://h?token=geheim"])
def test_a_data_source_of_no_address_is_refused(url: str) -> None:
    for source in (lambda: prometheus(url, tempo=True), lambda: tempo(url), lambda: Grafana(url)):
        with pytest.raises(GrafanaError, match="is no address of a") as caught:
            source()
        assert "gehe" not in str(caught.value)


def test_a_wrong_token_is_named_with_its_cure(standin: GrafanaStandIn, things: list[Thing]) -> None:
    with pytest.raises(GrafanaError) as caught:
        push(standin, things, "glsa_old")
    message = str(caught.value)
    assert standin.url in message
    assert "does not know the token" in message
    assert names.ENV_GRAFANA_TOKEN in message
    assert "glsa_old" not in message


def test_a_missing_token_is_asked_for(standin: GrafanaStandIn, things: list[Thing]) -> None:
    with pytest.raises(GrafanaError, match="asks for a token"):
        compare(Grafana(standin.url), things)


def test_a_token_that_may_only_read_names_the_role_that_may_write(standin: GrafanaStandIn, things: list[Thing]) -> None:
    with pytest.raises(GrafanaError, match=r"the token may not make the folder Tailgate .* role Editor"):
        push(standin, things, VIEWER)
    with pytest.raises(GrafanaError, match=r"the token may not write the data source .* role Admin"):
        push(standin, [prometheus("http://prometheus:9090", tempo=False)], EDITOR)


@pytest.mark.parametrize("version", ["9.5.21", "8.0.0-beta1"])
def test_a_grafana_that_is_too_old_is_told_by_its_version(version: str) -> None:
    with grafana_standin(version) as standin, pytest.raises(GrafanaError, match=f"is a Grafana {version}; .* 10.0"):
        Grafana(standin.url, EDITOR).check()


def test_a_grafana_that_hides_its_version_is_taken_as_it_is() -> None:
    with grafana_standin("") as standin:
        assert Grafana(standin.url, EDITOR).check() == ""


def test_nobody_at_the_address_is_said_without_the_credentials(unused_tcp_port: int) -> None:
    with pytest.raises(GrafanaError) as caught:
        Grafana(f"http://admin:geheim@127.0.0.1:{unused_tcp_port}/prefix").check()
    assert f"http://127.0.0.1:{unused_tcp_port}/prefix: cannot be asked: Connection refused" in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_a_server_error_is_passed_on_in_its_own_words(standin: GrafanaStandIn) -> None:
    standin.broken = True
    with pytest.raises(GrafanaError, match="refuses to look at its health: 500: database is locked"):
        Grafana(standin.url, EDITOR).check()


@pytest.mark.parametrize(
    "url", ["127.0.0.1:3000", "ftp://127.0.0.1", "http://", "http://127.0.0.1:0", "http://h:99999", "http://h/?a=b", ""]
)
def test_what_is_no_address_is_refused_before_it_is_asked(url: str) -> None:
    with pytest.raises(GrafanaError, match="is no address of a Grafana"):
        Grafana(url)


@pytest.mark.parametrize(
    ("status", "headers", "body", "said"),
    [
        (200, {"Content-Type": "text/html"}, b"<html>log in</html>", "no Grafana"),
        (200, {"Content-Type": "application/json"}, b"[1]", "no Grafana"),
        (200, {"Content-Type": "application/json"}, b'{"database"', "no Grafana"),
        (200, {"Content-Type": "application/json"}, b'{"database": "ok", "version": "\\u001b[31mred"}', "no Grafana"),
        (200, {"Content-Type": "application/json"}, b"[" * 100_000, "no Grafana"),
        (404, {}, b"", "no Grafana"),
        (302, {"Location": "https://login.test/"}, b"", "sends us on to https://login.test/"),
        (302, {"Location": "https://me:pass@login.test/in?token=1"}, b"", "sends us on to https://login.test/in. Give"),
        (500, {}, "Störung".encode(), "500: Störung"),
        (200, {"Content-Type": "application/json"}, b" " * (17 << 20), "it answers more than 16 MiB"),
    ],
    ids=["a page", "other JSON", "torn", "odd", "deep", "not found", "sent on", "sent on by name", "broken", "huge"],
)
def test_whoever_else_answers_there_is_no_grafana(status: int, headers: dict[str, str], body: bytes, said: str) -> None:
    with Server(Response(body, status, headers)) as server, pytest.raises(GrafanaError, match=said):
        Grafana(server.url, EDITOR).check()


def test_a_grafana_that_drips_is_given_up() -> None:
    """Each byte comes in time, and the whole never does."""
    with Server(Response()) as server:
        server.answer = server.drip
        with pytest.raises(GrafanaError, match=r"cannot be asked: no whole answer within 0.3 s"):
            Grafana(server.url, EDITOR, timeout=0.3).check()


def test_the_token_goes_to_nobody_else() -> None:
    with Server(Response()) as other, Server(Response(status=302, headers={"Location": other.url})) as server:
        with pytest.raises(GrafanaError, match="sends us on"):
            Grafana(server.url, EDITOR).check()
        assert other.asked == []


def test_a_change_is_the_same_text_for_the_same_difference(standin: GrafanaStandIn, things: list[Thing]) -> None:
    push(standin, things)
    grafana = Grafana(standin.url, EDITOR)
    wanted = [board("tailgate-a", refresh="1m", annotations={"list": []})]
    assert compare(grafana, wanted)[0].diff == compare(grafana, wanted)[0].diff
    assert json.dumps("1m") in compare(grafana, wanted)[0].diff
