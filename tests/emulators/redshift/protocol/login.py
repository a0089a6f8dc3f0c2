"""Session start-up: authenticate the client and open its connection to PostgreSQL.

PostgreSQL requests and verifies an MD5 digest of the password. The relay verifies the
SHA-256 digest of users that have a SHA-256 password, see `passwords`. Users whose name
begins with `IAM:` or `IAMA:` send a temporary password created by AWS. The emulator
cannot verify it: it accepts any, but only if it was started with that option.
"""

import hashlib
import secrets
from collections.abc import Mapping

from tests.emulators.redshift import long_names, passwords
from tests.emulators.redshift.cluster import Cluster
from tests.emulators.redshift.errors import RedshiftError
from tests.emulators.redshift.postgres import SUPERUSER
from tests.emulators.redshift.protocol import results, wire
from tests.emulators.redshift.protocol.backend import Backend
from tests.emulators.redshift.protocol.client import Client, Startup

POSTGRES_PARAMETERS = ("application_name", "datestyle", "timezone", "options")
# Parameter values that Redshift reports differently, and those it does not report.
REPORTED_VALUES = {"server_version": "8.0.2"}
NOT_REPORTED = (
    "in_hot_standby",
    "default_transaction_read_only",
    "scram_iterations",
    "search_path",
)
REQUEST_PASSWORD = wire.pack_message(b"R", b"\0\0\0\3")
REQUEST_MD5 = b"\0\0\0\5"
AUTHENTICATION_OK = wire.pack_message(b"R", b"\0\0\0\0")


def open_backend(cluster: Cluster, client: Client, startup: Startup) -> Backend:
    """Connect to PostgreSQL as the client's user.

    Raises RedshiftError if the authentication fails.
    """
    parameters = startup.parameters
    user, database = parameters.get("user", ""), parameters.get("database", "")
    if not user or user == SUPERUSER:
        raise _authentication_error(user)
    if startup.is_newer_protocol:
        client.write(wire.pack_negotiate_version())
    backend = Backend(cluster.server.socket_path, client.descriptor)
    backend.forward_message = lambda kind, body: _forward(client, kind, body)
    prefix, _, name = user.partition(":")
    is_iam = prefix in ("IAM", "IAMA") and bool(name)
    if is_iam:
        _check_temporary_password(cluster, client, user)
    try:
        backend.send(
            wire.pack_startup(
                {
                    "user": long_names.shorten(SUPERUSER if is_iam else user),
                    "database": long_names.shorten(database or user),
                    **_postgres_parameters(parameters),
                    "client_encoding": "UTF8",
                }
            )
        )
        _authenticate(cluster, backend, client, user)
        if is_iam:
            _switch_user(backend, name, creates_user=prefix == "IAMA")
    except BaseException:
        backend.close()
        raise
    _agree_on_version(client, parameters.get("client_protocol_version", ""))
    client.write(wire.pack_message(b"K", backend.key))
    return backend


def _agree_on_version(client: Client, requested: str) -> None:
    """Set the protocol for results: the requested one, or the latest if it is later."""
    if requested.isdigit():
        client.protocol_version = min(int(requested), results.BINARY_NUMBERS)
        version = str(client.protocol_version)
        client.write(wire.pack_parameter_status("server_protocol_version", version))


def _postgres_parameters(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the start-up parameters that PostgreSQL accepts: it rejects others."""
    return {
        name: value
        for name, value in parameters.items()
        if name.lower() in POSTGRES_PARAMETERS
    }


def _authenticate(
    cluster: Cluster, backend: Backend, client: Client, user: str
) -> None:
    while True:
        kind, body = backend.read_message()
        if kind == b"R" and body.startswith(REQUEST_MD5):
            stored = cluster.stored_password(user)
            if stored is None:
                client.write(wire.pack_message(kind, body))
                response = _read_password(client)
            else:
                password = passwords.read_stored(stored)
                _check_digest(client, user, password)
                response = _md5_response(password.digest, user, body[4:])
            backend.send(wire.pack_message(b"p", response))
        elif kind == b"R":
            client.write(AUTHENTICATION_OK)
        elif kind == b"E":
            problem = wire.to_redshift_error(body, backend.pid)
            problem.is_fatal = True
            raise problem
        elif kind == b"Z":
            return


def _check_digest(
    client: Client, user: str, password: passwords.DigestPassword
) -> None:
    """Request a SHA-256 digest; raise RedshiftError if it is wrong."""
    nonce = secrets.token_bytes(16)
    client.write(wire.pack_message(b"R", passwords.pack_request(password, nonce)))
    if not passwords.is_valid(password, nonce, _read_password(client, b"d")):
        raise _authentication_error(user)


def _md5_response(password: str, user: str, salt: bytes) -> bytes:
    """Return the response to PostgreSQL's request for an MD5 digest."""
    inner = hashlib.md5((password + user).encode()).hexdigest()
    return wire.pack_text("md5" + hashlib.md5(inner.encode() + salt).hexdigest())


def _read_password(client: Client, expected: bytes = b"p") -> bytes:
    kind, body = client.read_message()
    if kind != expected:
        raise RedshiftError("expected password response", "08P01", is_fatal=True)
    return body


def _check_temporary_password(cluster: Cluster, client: Client, user: str) -> None:
    client.write(REQUEST_PASSWORD)
    password, _ = wire.unpack_text(_read_password(client))
    if not (password and cluster.accepts_any_iam_password):
        raise _authentication_error(user)


def _switch_user(backend: Backend, name: str, *, creates_user: bool) -> None:
    """Make `name` the session's user; IAMA users are created if they do not exist."""
    name = long_names.shorten(name)
    quoted = '"' + name.replace('"', '""') + '"'
    literal = "'" + name.replace("\\", "\\\\").replace("'", "''") + "'"
    exists = backend.query(f"select 1 from pg_roles where rolname = {literal}")
    if not exists and not creates_user:
        raise _authentication_error(name)
    if not exists:
        backend.query(f"create role {quoted} login")
    backend.query(f"set session authorization {quoted}")


def _authentication_error(user: str) -> RedshiftError:
    return RedshiftError(
        f'password authentication failed for user "{user}"', "28000", is_fatal=True
    )


def _forward(client: Client, kind: bytes, body: bytes) -> None:
    """Forward a NoticeResponse or ParameterStatus message to the client."""
    if kind == b"N":
        client.write(wire.pack_message(kind, wire.restore_notice(body)))
        return
    name, end = wire.unpack_text(body)
    if name not in NOT_REPORTED:
        value, _ = wire.unpack_text(body, end)
        client.write(wire.pack_parameter_status(name, REPORTED_VALUES.get(name, value)))
