"""The sessions and statements of a command, counted from the emulator's history."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import redshift_connector

from tests.emulators.redshift import admin

READER = "-- tests.redshift.statement_counts"


@dataclass
class StatementCounts:
    """Sessions opened, and statements by sender and kind.

    The sender is the first line of a statement: a package of ours such as
    `loaders.raw`, or dbt's kind of node such as `dbt model`. Statements without such a
    line belong to `dbt` or to `loaders`, as the others of their session. The kind is
    the first word of the SQL.
    """

    sessions: int = 0
    by_sender: Counter[tuple[str, str]] = field(default_factory=Counter)
    texts: list[str] = field(default_factory=list)

    @property
    def statements(self) -> int:
        """The number of statements of all senders."""
        return self.by_sender.total()

    @property
    def copies(self) -> int:
        """The number of COPY statements."""
        return sum(
            number for (_, kind), number in self.by_sender.items() if kind == "copy"
        )

    def __str__(self) -> str:
        """Return one line per sender and kind, the most frequent first."""
        lines = [f"{self.sessions} sessions, {self.statements} statements"]
        for (sender, kind), number in self.by_sender.most_common():
            lines.append(f"{number:6} {sender}: {kind}")
        return "\n".join(lines)


@contextmanager
def counted(
    environment: Mapping[str, str], admin_socket: Path
) -> Iterator[StatementCounts]:
    """Yield counts that are filled in when the block ends."""
    connection = redshift_connector.connect(
        host=environment["NIGHTSHIFT_REDSHIFT_HOST"],
        port=int(environment["NIGHTSHIFT_REDSHIFT_PORT"]),
        user=environment["NIGHTSHIFT_REDSHIFT_USER"],
        password=environment["NIGHTSHIFT_REDSHIFT_PASSWORD"],
        database=environment["NIGHTSHIFT_REDSHIFT_DATABASE"],
        ssl=False,
    )
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute(
        f"{READER}\nselect coalesce(max(query_id), 0) from sys_query_history"
    )
    last_id = cursor.fetchone()[0]
    opened = _opened_sessions(admin_socket)
    counts = StatementCounts()
    try:
        yield counts
        counts.sessions = _opened_sessions(admin_socket) - opened
        cursor.execute(
            f"{READER}\nselect session_id, query_text from sys_query_history "
            f"where query_id > {last_id} and query_text not like '{READER}%' "
            "order by query_id"
        )
        rows = cursor.fetchall()
        counts.texts = [text for _, text in rows]
        of_dbt = {session for session, text in rows if text.startswith("/*")}
        counts.by_sender.update(
            sender_and_kind(text, "dbt" if session in of_dbt else "loaders")
            for session, text in rows
        )
    finally:
        connection.close()


def sender_and_kind(text: str, default: str) -> tuple[str, str]:
    """Return a statement's sender, `default` if no comment names it, and its kind."""
    first_line, _, rest = text.strip().partition("\n")
    if not first_line.startswith(("--", "/*")):
        return default, _kind(text)
    words = first_line.strip("/*- ").split()
    if words[:1] == ["dbt"]:
        resource_type, dot, _ = words[1].partition(".")
        return (f"dbt {resource_type}" if dot else "dbt"), _kind(rest)
    return ".".join(words[0].split(".")[:2]), _kind(rest)


def _kind(sql: str) -> str:
    sql = re.sub(r"--[^\n]*|/\*.*?\*/", "", sql, flags=re.DOTALL).lower()
    first, *others = re.findall(r"\w+", sql) or [""]
    if first == "set" and others:
        return f"set {others[0]}"
    if first == "select" and others[:1] == ["pg_backend_pid"]:
        return "select pg_backend_pid()"
    return "select" if first == "with" else first


def _opened_sessions(admin_socket: Path) -> int:
    return int(str(admin.send_request(admin_socket, {"do": "sessions"})["opened"]))
