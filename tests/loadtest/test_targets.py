"""The targets file."""

import copy
import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.errors import TargetsError
from tailgate_loadtest.targets import load
from tailgate_otel.names import ENV_TARGETS

GOOD = {
    "schema": "tailgate/targets/v1",
    "today": "2025-06-01",
    "webhook": {"secret": "s", "verify_token": "v"},
    "workspaces": [
        {"id": "w", "api_key": "k", "phone_number_id": "p", "phones": ["1", "2"], "users": []}
        | {key: ["c"] for key in ("contacts", "conversations")}
    ],
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "targets.json"


def test_a_file_is_read_whole(path):
    path.write_text(json.dumps(GOOD))
    targets = load(path)
    assert (targets.webhook_secret, targets.webhook_verify_token) == ("s", "v")
    assert (targets.workspaces[0].phones, targets.workspaces[0].users) == (("1", "2"), ())


def test_without_a_path_the_environment_tells_and_then_the_working_directory(path, monkeypatch, tmp_path):
    path.write_text(json.dumps(GOOD))
    monkeypatch.setenv(ENV_TARGETS, str(path))
    assert load().webhook_secret == "s"
    monkeypatch.delenv(ENV_TARGETS)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TargetsError, match=r"targets.json: cannot be read: .*`tailgate serve` and `tailgate db seed`"):
        load()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: raw.update(schema="tailgate/targets/v2"), "ValueError at schema 'tailgate/targets/v2'"),
        (lambda raw: raw.pop("webhook"), "KeyError at 'webhook'"),
        (lambda raw: raw.update(workspaces=[]), "no workspaces"),
        (lambda raw: raw["workspaces"][0].pop("phones"), "KeyError at 'phones'"),
        (lambda raw: raw["workspaces"][0].update(phones=None), "TypeError"),
    ],
)
def test_what_is_missing_is_named(path, change, message):
    raw = copy.deepcopy(GOOD)
    change(raw)
    path.write_text(json.dumps(raw))
    with pytest.raises(TargetsError, match=f"{path}: is no tailgate/targets/v1 file: .*{message}"):
        load(path)


@given(
    st.binary(max_size=40)
    | st.recursive(st.none() | st.text(max_size=3), st.lists).map(lambda x: json.dumps(x).encode())
)
def test_junk_raises_a_targets_error_and_nothing_else(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "junk.json"
    path.write_bytes(content)
    with suppress(TargetsError):
        load(path)


def test_a_file_nested_without_end_is_refused(path):
    path.write_text("[" * 200_000)
    with pytest.raises(TargetsError, match="is not JSON"):
        load(path)
