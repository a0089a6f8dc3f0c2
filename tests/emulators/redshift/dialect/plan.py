"""The plan of one statement: what the session executes for it."""

from dataclasses import dataclass, field

from tests.emulators.redshift.dialect.tokens import Node

SQL, COPY, UNLOAD, NOTHING = "sql", "copy", "unload", "nothing"


@dataclass
class Plan:
    """What to execute for a statement.

    `kind` is `sql` (send `sql` to PostgreSQL), `copy`, `unload`, or `nothing` (only
    respond with `tag`). `after` is SQL to run after success. `written` lists the tables
    that the statement writes. `text` is the statement for the history, with secrets
    redacted. `setting` is the name and value of a Redshift setting. `commits` is true
    if the statement commits the open transaction.
    """

    text: str
    word: str
    kind: str = SQL
    sql: str = ""
    tag: str = ""
    nodes: list[Node] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    setting: tuple[str, str | None] | None = None
    commits: bool = False

    @property
    def is_commit(self) -> bool:
        """Whether the statement is COMMIT or END."""
        return self.word in ("commit", "end")
