"""A caller's word that its trace is sampled forces keeping only where the caller is trusted."""

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tailgate_otel import Config, ConfigError, Recorder, names
from tailgate_otel.peers import Peers, networks

TRACE = "0af7651916cd43dd8448eb211c80319c"


async def _kept(client, flags: str) -> list:
    """The spans exported of one plain request of a client that sends a ``traceparent``."""
    exporter = InMemorySpanExporter()
    trusted = ("10.1.0.0/16", "::1", "192.0.2.7")
    recorder = Recorder(
        Config(service_name="x", metrics_port=0, sample_ratio=0.0, trusted_peers=trusted), exporter=exporter
    )
    recorder.start()

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    async def send(_):
        return

    traceparent = (b"traceparent", f"00-{TRACE}-b7ad6b7169203331-{flags}".encode())
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [traceparent], "client": client}
    await recorder.middleware(app)(scope, None, send)
    recorder.close()
    assert recorder.guard.failures == 0
    return list(exporter.get_finished_spans())


@pytest.mark.parametrize("client", [("10.1.2.3", 5000), ("::1", 5000), ("192.0.2.7", 1)])
async def test_a_trusted_caller_that_sampled_its_trace_has_it_kept(client):
    [span] = await _kept(client, "01")
    assert span.attributes[names.ATTR_KEPT_REASON] == names.KEPT_FORCED
    assert f"{span.context.trace_id:032x}" == TRACE


@pytest.mark.parametrize(
    ("client", "flags"),
    [
        (("10.2.0.1", 5000), "01"),
        (("10.1.2.3", 5000), "00"),
        (("a name", 5000), "01"),
        (("", 0), "01"),
        (None, "01"),
    ],
)
async def test_anybody_else_has_not(client, flags):
    assert await _kept(client, flags) == []


def test_without_trusted_peers_nobody_is_trusted():
    assert not Peers(networks(())).trusts(("127.0.0.1", 1))


@pytest.mark.parametrize("peer", ["10.1.0.1/16", "everybody", ""])
def test_what_is_no_network_is_refused_by_name(peer):
    with pytest.raises(ConfigError, match="trusted_peers"):
        Config(service_name="x", trusted_peers=(peer,))


def test_the_environment_names_them_with_commas():
    environ = {names.ENV_TRUSTED_PEERS: "10.0.0.0/8, ::1,"}
    assert Config.from_env(environ).trusted_peers == ("10.0.0.0/8", "::1")
