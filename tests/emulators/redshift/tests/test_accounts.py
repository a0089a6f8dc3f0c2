"""Passwords and their digests, roles with a colon, the log of connections."""

import contextlib
import hashlib
from collections.abc import Callable

import pytest
import redshift_connector

from tests.emulators.redshift.tests.conftest import Emulator, Session

PASSWORD = "Sécret1|Sécret1"
HASHED = hashlib.sha256((PASSWORD + "a=b|c").encode()).hexdigest()
# The MD5 digest contains the name of the user, `member`.
MD5 = hashlib.md5((PASSWORD + "member").encode()).hexdigest()


@pytest.mark.parametrize(
    ("stored", "is_digest"),
    [
        (PASSWORD, False),
        (f"md5{MD5}", False),
        (f"sha256|{PASSWORD}", True),
        (f"sha256|{HASHED}|a=b|c", True),
    ],
)
def test_user_logs_in_with_each_kind_of_password(
    session: Session, emulator: Emulator, stored: str, is_digest: bool
) -> None:
    session.run("drop user if exists member")
    session.run(f"create user member password '{stored}'")
    with contextlib.closing(
        emulator.connect(user="member", password=PASSWORD)
    ) as connection:
        assert Session(connection, "").value("select current_user") == "member"
    with pytest.raises(redshift_connector.Error, match="authentication failed"):
        emulator.connect(user="member", password="Wrong1")
    assert is_digest == bool(
        session.run(
            "select 1 from pg_db_role_setting join pg_roles on setrole = pg_roles.oid"
            " where rolname = 'member'"
        )
    )
    session.run("alter user member password 'Another1'")
    emulator.connect(user="member", password="Another1").close()


@pytest.mark.parametrize(
    "statement",
    [
        "grant role sys:monitor to member_2",
        "revoke role sys:monitor from member_2",
        "create role okta:finance",
        "grant role okta:finance, sys:operator to member_2",
        "grant role okta:finance to role sys:dba",
        "drop role okta:finance",
    ],
)
def test_role_names_may_have_a_colon(session: Session, statement: str) -> None:
    session.run("drop user if exists member_2")
    session.run("create user member_2 password disable")
    if statement.startswith(("grant role okta", "drop role")):
        session.run("create role okta:finance")
    session.run(statement)
    if not statement.startswith("drop"):
        session.run("drop user member_2")
    with contextlib.suppress(redshift_connector.Error):
        session.run("drop role okta:finance")


def test_connections_are_logged(
    session: Session, connect: Callable[..., Session]
) -> None:
    connect(application_name="logged").connection.close()
    events = session.run(
        "select event, username, dbname, sslversion like 'TLS%%',"
        " driver_version like 'Redshift Python Driver%%', os_version <> ''"
        " from stl_connection_log where application_name = 'logged'"
        " order by recordtime"
    )
    start, *_, last = [event for event, *_ in events]
    assert start == "initiating session"
    assert last in ("disconnecting session", "set application_name")
    assert events[1] == ["authenticated", "awsuser", "dev", True, True, True]
    assert (
        session.value(
            "select count(*) from sys_connection_log where application_name = 'logged'"
            " and event = 'authenticated'"
        )
        == 1
    )
