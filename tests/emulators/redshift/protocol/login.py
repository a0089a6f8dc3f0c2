"""How a session begins: who it is, and the connection to PostgreSQL made for it.

A password is asked for in clear text and judged by PostgreSQL. Users whose name begins
with `IAM:` or `IAMA:` come with a temporary password that AWS made: the stand-in cannot
know it, so it takes any, but only when it was started to do so.
"""

from collections.abc import Mapping

from tests.emulators.redshift.cluster import Cluster
from tests.emulators.redshift.errors import RedshiftError
from tests.emulators.redshift.postgres import SUPERUSER
from tests.emulators.redshift.protocol import wire
from tests.emulators.redshift.protocol.backend import Backend
from tests.emulators.redshift.protocol.client import Client, Start

KEPT_PARAMETERS = ("application_name", "datestyle", "timezone", "options")
REPORTED = {"server_version": "8.0.2"}
NOT_REPORTED = (
    "in_hot_standby",
    "default_transaction_read_only",
    "scram_iterations",
    "search_path",
)
ASK_PASSWORD = wire.message(b"R", b"\0\0\0\3")
WELCOME = wire.message(b"R", b"\0\0\0\0")


def open_backend(cluster: Cluster, client: Client, start: Start) -> Backend:
    """Connect to PostgreSQL as the client's user; RedshiftError when it may not."""
    given = start.parameters
    user, database = given.get("user", ""), given.get("database", "")
    if not user or user == SUPERUSER:
        raise _denied(user)
    if start.is_newer:
        client.write(wire.negotiate())
    backend = Backend(cluster.server.socket_path, client.descriptor)
    backend.forward_notice = lambda kind, body: _tell(client, kind, body)
    kind, _, name = user.partition(":")
    is_iam = kind in ("IAM", "IAMA") and bool(name)
    if is_iam:
        _ask_temporary_password(cluster, client, user)
    try:
        backend.send(
            wire.start_packet(
                {
                    "user": SUPERUSER if is_iam else user,
                    "database": database or user,
                    **_kept(given),
                    "client_encoding": "UTF8",
                }
            )
        )
        _authenticate(backend, client)
        if is_iam:
            _become(backend, name, is_made=kind == "IAMA")
    except BaseException:
        backend.close()
        raise
    client.write(wire.message(b"K", backend.key))
    return backend


def _kept(given: Mapping[str, str]) -> dict[str, str]:
    """Leave out what only Redshift knows: PostgreSQL refuses unknown keys."""
    return {
        name: value for name, value in given.items() if name.lower() in KEPT_PARAMETERS
    }


def _authenticate(backend: Backend, client: Client) -> None:
    while True:
        kind, body = backend.read()
        if kind == b"R" and body == ASK_PASSWORD[5:]:
            client.write(ASK_PASSWORD)
            backend.send(wire.message(b"p", _password(client)))
        elif kind == b"R":
            client.write(WELCOME)
        elif kind == b"E":
            problem = wire.as_redshift_says(body, backend.pid)
            problem.is_fatal = True
            raise problem
        elif kind == b"Z":
            return


def _password(client: Client) -> bytes:
    kind, body = client.read()
    if kind != b"p":
        raise RedshiftError("expected password response", "08P01", is_fatal=True)
    return body


def _ask_temporary_password(cluster: Cluster, client: Client, user: str) -> None:
    client.write(ASK_PASSWORD)
    password, _ = wire.read_text(_password(client))
    if not (password and cluster.accepts_any_iam_password):
        raise _denied(user)


def _become(backend: Backend, name: str, *, is_made: bool) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    literal = "'" + name.replace("\\", "\\\\").replace("'", "''") + "'"
    found = backend.query(f"select 1 from pg_roles where rolname = {literal}")
    if not found and not is_made:
        raise _denied(name)
    if not found:
        backend.query(f"create role {quoted} login")
    backend.query(f"set session authorization {quoted}")


def _denied(user: str) -> RedshiftError:
    return RedshiftError(
        f'password authentication failed for user "{user}"', "28000", is_fatal=True
    )


def _tell(client: Client, kind: bytes, body: bytes) -> None:
    """Hand a notice or a parameter's value on to the client."""
    if kind == b"N":
        client.write(wire.message(kind, body))
        return
    name, end = wire.read_text(body)
    if name not in NOT_REPORTED:
        value, _ = wire.read_text(body, end)
        client.write(wire.parameter_status(name, REPORTED.get(name, value)))
