"""First start: install Redshift's types, functions and views; create user and database.

The scripts in `sql` run in template1, in the order of their file names, so that every
database created later contains their objects.
"""

from dataclasses import dataclass
from pathlib import Path

from psycopg2 import sql

from tests.emulators.redshift.postgres import Server

SCRIPTS = Path(__file__).parent / "sql"
TEMPLATE = "template1"
SYSTEM_ROLES = ("sys:operator", "sys:monitor", "sys:dba", "sys:secadmin",
                "sys:superuser")  # fmt: skip
CREATE_ROLE = (
    "create role {role}; alter role {role} set redshift.identity_type to 'role'"
)


@dataclass(frozen=True)
class Account:
    """The database that clients connect to, its isolation level and its superuser."""

    database: str
    user: str
    password: str
    isolation_level: str = "snapshot"


def install_redshift_objects(server: Server) -> None:
    """Run the SQL scripts in the template database."""
    connection = server.connect(TEMPLATE)
    try:
        with connection.cursor() as cursor:
            cursor.execute("set allow_system_table_mods = on")
            for script in sorted(SCRIPTS.glob("*.sql")):
                cursor.execute(script.read_text())
            for name in SYSTEM_ROLES:
                role = sql.Identifier(name)
                cursor.execute(sql.SQL(CREATE_ROLE).format(role=role))
    finally:
        connection.close()


def ensure_account(server: Server, account: Account) -> None:
    """Create the user and its database, or reset an existing user's password."""
    connection = server.connect("postgres")
    try:
        with connection.cursor() as cursor:
            user = sql.Identifier(account.user)
            cursor.execute("select 1 from pg_roles where rolname = %s", [account.user])
            verb = "alter" if cursor.fetchone() else "create"
            cursor.execute(
                sql.SQL(verb + " role {} superuser login password %s").format(user),
                [account.password],
            )
            cursor.execute(
                "select 1 from pg_database where datname = %s", [account.database]
            )
            if not cursor.fetchone():
                cursor.execute(
                    sql.SQL("create database {} owner {}").format(
                        sql.Identifier(account.database), user
                    )
                )
            cursor.execute(
                sql.SQL("alter database {} set redshift.isolation_level to %s").format(
                    sql.Identifier(account.database)
                ),
                [account.isolation_level],
            )
    finally:
        connection.close()
