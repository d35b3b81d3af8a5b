"""Looks at the files that TLS is to use before any load: what is wrong with them is said at once, and by name."""

import ssl
from pathlib import Path
from typing import NoReturn

from tailgate_loadtest.errors import PlanError
from tailgate_loadtest.shapes.orders import Tls


def check(tls: Tls) -> None:
    """Raise PlanError, naming the option and the file, unless these can be used, and together."""
    if tls.key and not tls.cert:
        raise PlanError(f"--key {tls.key}: is of no use without its certificate; give --cert with it")
    if tls.insecure and tls.cacert:
        raise PlanError("--insecure takes any certificate, --cacert only those of its authorities: give one of them")
    for name, file in tls.files.items():
        if file:
            _read(f"--{name}", file)
    for option, certificates in (("--cacert", tls.cacert), ("--cert", tls.cert)):
        if certificates:
            _certificates(option, certificates)
    if tls.cert:
        _pair(tls.cert, tls.key)


def _read(option: str, file: str) -> None:
    try:
        Path(file).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name with a null in it
        raise PlanError(f"{option} {file}: cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _certificates(option: str, file: str) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except ssl.SSLError as error:
        raise PlanError(f"{option} {file}: holds no certificate in the PEM format") from error


def _pair(cert: str, key: str | None) -> None:
    option, file = ("--key", key) if key else ("--cert", cert)

    def encrypted() -> NoReturn:
        raise PlanError(f"{option} {file}: its key is locked by a password; give one that is not")

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(cert, key, password=encrypted)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise PlanError(f"{option} {file}: its key does not fit the certificate in {cert}") from error
        if error.reason and error.reason.startswith(("EE_", "CA_")):
            raise PlanError(f"--cert {cert}: is too weak for OpenSSL: {error.reason}") from error
        hint = "" if key else "; give the key's file by --key"
        raise PlanError(f"{option} {file}: holds no key in the PEM format{hint}") from error
