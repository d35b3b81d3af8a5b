"""A run over TLS by the options of the command line, and what is said of files that cannot be used."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from tailgate_loadtest.errors import EngineError, PlanError
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.document import RouteRecord
from tailgate_loadtest.shapes.orders import Swarm, Tls

from tests.loadtest.conftest import Api, carry_out, plan_of

HERE = "127.0.0.1"
CLIENTS = ("LoadUser", "FastHttpUser", "HttpUser")
HEAD = """
    import ssl
    from locust import FastHttpUser, HttpUser, constant, task
    from tailgate_loadtest.engine.http import LoadUser
"""
PERSONA = """
    class {name}({base}):
        wait_time = constant(0.05)
        {more}

        @task
        def look(self):
            self.client.get("/{name}")
"""
EACH_CLIENT = HEAD + "".join(PERSONA.format(name=f"My{base}", base=base, more="") for base in CLIENTS)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(authority: trustme.CA, tmp_path: Path) -> Path:
    """ca.pem, cert.pem, key.pem that fit, other.pem (a key of somebody else's), both.pem, locked.pem, text.pem."""
    leaf, other = authority.issue_cert("me@example.org"), authority.issue_cert("you@example.org")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    leaf.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    leaf.private_key_pem.write_to_path(tmp_path / "key.pem")
    leaf.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    other.private_key_pem.write_to_path(tmp_path / "other.pem")
    (tmp_path / "locked.pem").write_bytes(_locked(leaf.private_key_pem.bytes()))
    (tmp_path / "text.pem").write_text("no certificate\n", encoding="ascii")
    return tmp_path


def _locked(key: bytes) -> bytes:
    return serialization.load_pem_private_key(key, None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"a password"),
    )


@contextmanager
def secured(authority: trustme.CA, *, demanding: bool = False) -> Iterator[str]:
    """The little API over TLS; ``demanding``: for those with a certificate of the same authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HERE).configure_cert(context)
    if demanding:
        context.verify_mode = ssl.CERT_REQUIRED
        authority.configure_trust(context)
    api = _Quiet()
    api.socket = context.wrap_socket(api.socket, server_side=True, do_handshake_on_connect=False)
    with api:
        yield f"https://{api.host}"


class _Quiet(Api):
    """Says nothing of clients that would not be secured."""

    def handle_error(self, *_: object) -> None:
        pass


SWARM = Swarm(users=4, spawn_rate=20, run_time=1.0)


def of_each_client(bundle: Bundle) -> list[RouteRecord]:
    """What came of the requests, a record for each client."""
    found = bundle.read_run().routes
    assert {record.route for record in found} == {f"GET /My{base}" for base in CLIENTS}
    return list(found)


def test_every_client_trusts_the_authorities_it_is_told_to_and_shows_our_certificate(
    authority: trustme.CA, files: Path
) -> None:
    tls = Tls(cacert=str(files / "ca.pem"), cert=str(files / "cert.pem"), key=str(files / "key.pem"))
    with secured(authority, demanding=True) as host:
        bundle = carry_out(plan_of(files, host, EACH_CLIENT, SWARM, tls=tls))
    assert all(record.requests > 0 == record.failed for record in of_each_client(bundle))
    document = bundle.read_run()
    assert document.plan.tls.model_dump() == {
        "cacert": "ca.pem",
        "cert": "cert.pem",
        "key": "key.pem",
        "insecure": False,
    }
    assert str(files) not in document.plan.tls.model_dump_json()
    assert not document.warnings or "--insecure" not in document.warnings[0]


def test_no_client_takes_a_certificate_of_another_authority(authority: trustme.CA, files: Path) -> None:
    tls = Tls(cacert=str(files / "ca.pem"))
    with secured(trustme.CA()) as host:
        bundle = carry_out(plan_of(files, host, EACH_CLIENT, SWARM, tls=tls))
    assert all(record.requests == record.failed > 0 for record in of_each_client(bundle))


def test_an_insecure_run_takes_any_certificate_and_warns(authority: trustme.CA, files: Path) -> None:
    with secured(authority) as host:
        bundle = carry_out(plan_of(files, host, EACH_CLIENT, SWARM, tls=Tls(insecure=True)))
    assert all(record.requests > 0 == record.failed for record in of_each_client(bundle))
    document = bundle.read_run()
    assert document.plan.tls.insecure
    assert any("--insecure" in warning for warning in document.warnings)


def test_a_class_says_itself_how_it_is_secured_where_no_option_does(authority: trustme.CA, files: Path) -> None:
    own = f"lambda self: ssl.create_default_context(cafile={str(files / 'ca.pem')!r})"
    said = {
        "Plain": "",
        "Careless": "insecure = True",
        "Careful": "insecure = False",
        "Own": f"ssl_context_factory = {own}",
    }
    text = HEAD + "".join(PERSONA.format(name=name, base="LoadUser", more=more) for name, more in said.items())
    with secured(authority) as host:
        found = carry_out(plan_of(files, host, text, SWARM)).read_run().routes
    assert all(record.requests > 0 for record in found)
    assert {record.route: record.failed > 0 for record in found} == {
        "GET /Plain": True,
        "GET /Careless": False,
        "GET /Careful": True,
        "GET /Own": False,
    }


@pytest.mark.parametrize("base", ["LoadUser", "FastHttpUser"])
def test_an_option_beside_a_context_of_the_class_is_refused_by_name(
    authority: trustme.CA, files: Path, base: str
) -> None:
    text = HEAD + PERSONA.format(name="Someone", base=base, more="ssl_context_factory = lambda self: None")
    with (
        secured(authority) as host,
        pytest.raises(EngineError, match=r"Someone has an ssl_context_factory .* --cacert"),
    ):
        carry_out(plan_of(files, host, text, SWARM, tls=Tls(cacert=str(files / "ca.pem"))))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"cacert": "none.pem"}, r"--cacert .*none.pem: cannot be read: No such file"),
        ({"cacert": "."}, r"--cacert .*: cannot be read: Is a directory"),
        ({"cacert": "text.pem"}, r"--cacert .*text.pem: holds no certificate"),
        ({"cacert": "key.pem"}, r"--cacert .*key.pem: holds no certificate"),
        ({"cert": "none.pem"}, r"--cert .*none.pem: cannot be read"),
        ({"cert": "text.pem", "key": "key.pem"}, r"--cert .*text.pem: holds no certificate"),
        ({"cert": "cert.pem"}, r"--cert .*cert.pem: holds no key .* --key"),
        ({"cert": "cert.pem", "key": "text.pem"}, r"--key .*text.pem: holds no key"),
        ({"cert": "cert.pem", "key": "none.pem"}, r"--key .*none.pem: cannot be read"),
        ({"cert": "cert.pem", "key": "other.pem"}, r"--key .*other.pem: its key does not fit .*cert.pem"),
        ({"cert": "cert.pem", "key": "locked.pem"}, r"--key .*locked.pem: its key is locked by a password"),
        ({"key": "key.pem"}, r"--key .*key.pem: is of no use without"),
    ],
)
def test_files_that_cannot_be_used_are_named_with_their_option_before_any_load(
    files: Path, given: dict[str, str], said: str
) -> None:
    tls = Tls(**{option: str(files / name) for option, name in given.items()})
    with pytest.raises(PlanError, match=said):
        plan_of(files, "https://localhost", EACH_CLIENT, tls=tls)


def test_files_that_can_be_used_are_taken(files: Path) -> None:
    for tls in (Tls(cert=str(files / "both.pem")), Tls(cacert=str(files / "ca.pem")), Tls(insecure=True)):
        assert plan_of(files, "https://localhost", EACH_CLIENT, tls=tls).tls == tls
    with pytest.raises(PlanError, match="give one of them"):
        plan_of(files, "https://localhost", EACH_CLIENT, tls=Tls(cacert=str(files / "ca.pem"), insecure=True))
