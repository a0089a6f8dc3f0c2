"""What a session is to do for one statement of a client."""

from dataclasses import dataclass, field

from tests.emulators.redshift.dialect.tokens import Node

SQL, COPY, UNLOAD, NOTHING = "sql", "copy", "unload", "nothing"


@dataclass
class Plan:
    """What to do for a statement.

    `kind` is `sql` (send `sql` to PostgreSQL), `copy`, `unload`, or `nothing` (answer
    with `tag`). `after` is SQL to run when it succeeded. `written` are the tables that
    it writes, `text` is the statement for the history, secrets hidden.
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
        """Whether it ends a transaction and keeps what was done."""
        return self.word in ("commit", "end")
