"""The plan of one statement: what the session executes for it."""

from dataclasses import dataclass, field

from tests.emulators.redshift.dialect.tokens import Node

SQL, COPY, UNLOAD, NOTHING = "sql", "copy", "unload", "nothing"
QUERIES = ("select", "with", "(", "explain")
CONTROL_WORDS = (
    "begin", "start", "commit", "end", "rollback", "abort", "set", "reset", "show",
    "use", "lock", "cancel", "fetch", "close", "deallocate", "analyze", "vacuum",
)  # fmt: skip


@dataclass
class Plan:
    """What to execute for a statement.

    `kind` is `sql` (send `sql` to PostgreSQL), `copy`, `unload`, or `nothing` (only
    respond with `tag`). `after` is SQL to run after success. `written` lists the tables
    that the statement writes. `text` is the statement for the history, with secrets
    redacted. `setting` is the name and value of a Redshift setting. `commits` is true
    if the statement commits the open transaction. `reads` lists the user tables and
    views that it reads, `reads_history` is whether it reads system tables on past
    statements. A standalone statement cannot run inside a transaction block. `lengths`
    are those of the strings of the table or view that it creates, None if unknown.
    `prepared` is what PREPARE prepares: its name and plan. `effect` is the first word
    of the statement whose effects it has: for EXECUTE the one that was prepared.
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
    is_standalone: bool = False
    reads: list[str] = field(default_factory=list)
    reads_history: bool = False
    lengths: list[int | None] = field(default_factory=list)
    prepared: "tuple[str, Plan] | None" = None
    effect: str = ""

    def __post_init__(self) -> None:
        """Set the effect of a statement that runs no other one."""
        self.effect = self.effect or self.word

    def take_effect(self, other: "Plan") -> None:
        """Give it the effects of another statement, which it runs."""
        self.effect = other.effect
        self.reads, self.written = other.reads, other.written

    @property
    def is_commit(self) -> bool:
        """Whether the statement is COMMIT or END."""
        return self.word in ("commit", "end")

    @property
    def is_rollback(self) -> bool:
        """Whether the statement is ROLLBACK or ABORT."""
        return self.word in ("rollback", "abort")

    @property
    def takes_snapshot(self) -> bool:
        """Whether the statement fixes its transaction's snapshot.

        Queries on the catalog alone do not, nor do statements that control the session.
        """
        if self.word in QUERIES:
            return bool(self.reads) or self.reads_history
        return self.word not in CONTROL_WORDS and self.kind != NOTHING
