"""The table that a COPY fills, as the database knows it."""

from dataclasses import dataclass

from tests.emulators.redshift.catalog import literal, quoted
from tests.emulators.redshift.errors import RedshiftError
from tests.emulators.redshift.load.copy_options import CopyOptions
from tests.emulators.redshift.load.job import Job

COLUMNS = """
select attname, typname, atttypmod, attnotnull, attidentity <> '', pg_class.oid
from pg_class
join pg_attribute on attrelid = pg_class.oid and attnum > 0 and not attisdropped
join pg_type on pg_type.oid = atttypid
where pg_class.oid = to_regclass({name})
order by attnum
"""
HEADER = 4  # what a length modifier of PostgreSQL counts beside the length


@dataclass(frozen=True)
class Column:
    """One column: its type's name, and of a string the most bytes it takes.

    `precision` and `scale` are those of a NUMERIC.
    """

    name: str
    kind: str
    length: int
    precision: int
    scale: int
    is_required: bool
    is_identity: bool

    @property
    def shown_length(self) -> str:
        """The length as the error views show it."""
        if self.kind == "numeric":
            return f"{self.precision},{self.scale}"
        return str(self.length) if self.length else ""


@dataclass(frozen=True)
class Target:
    """A table: its name without the schema, its oid, the columns that are filled.

    `sql` is its full name as SQL.
    """

    name: str
    oid: int
    sql: str
    columns: list[Column]

    @property
    def names(self) -> str:
        """The names of the columns as SQL."""
        return ", ".join(quoted([column.name]) for column in self.columns)

    @property
    def has_super(self) -> bool:
        """Whether a column is SUPER, which PostgreSQL's COPY cannot read."""
        return any(column.kind == "super" for column in self.columns)


def find(job: Job, options: CopyOptions) -> Target:
    """Look a COPY's table up; RedshiftError if it, or a column, is not there."""
    parts = job.catalog.resolved(options.table).split(".")
    rows = job.backend.query(COLUMNS.format(name=literal(quoted(parts))))
    if not rows:
        raise RedshiftError(f"Cannot COPY into nonexistent table {parts[-1]}", "42P01")
    found = [_column(row) for row in rows]
    known = {column.name: column for column in found}
    unknown = [name for name in options.columns if name not in known]
    if unknown:
        raise RedshiftError(
            f'column "{unknown[0]}" of relation "{parts[-1]}" does not exist', "42703"
        )
    chosen = [known[name] for name in options.columns] or found
    if "explicit_ids" not in options.flags:
        chosen = [column for column in chosen if not column.is_identity]
    return Target(
        name=parts[-1],
        oid=int(str(rows[0][5])),
        sql=quoted(parts),
        columns=chosen,
    )


def _column(row: list[str | None]) -> Column:
    name, kind, modifier, is_required, is_identity, _ = (str(value) for value in row)
    packed = int(modifier) - HEADER
    is_string = kind in ("varchar", "bpchar")
    is_numeric = kind == "numeric" and packed >= 0
    return Column(
        name=name,
        kind=kind,
        length=packed if is_string and packed > 0 else 0,
        precision=packed >> 16 if is_numeric else 0,
        scale=packed & 0xFFFF if is_numeric else 0,
        is_required=is_required == "t",
        is_identity=is_identity == "t",
    )
