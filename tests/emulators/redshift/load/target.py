"""The target table of a COPY and its columns, from the catalog."""

from dataclasses import dataclass

from tests.emulators.redshift import long_names
from tests.emulators.redshift.dialect.names import quote_name
from tests.emulators.redshift.dialect.tokens import quote_literal
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
MODIFIER_OFFSET = 4  # PostgreSQL's type modifiers are the length plus 4

# Types whose values pass through a table with another type, and how to convert them.
STAGED_TYPES = {"super": ("json", "{}::super"), "varbyte": ("text", "from_hex({})")}


@dataclass(frozen=True)
class Column:
    """One column: `kind` is its type's name in PostgreSQL.

    `length` is the limit of a string in bytes, 0 for none; `precision` and `scale` are
    those of a NUMERIC.
    """

    name: str
    kind: str
    length: int
    precision: int
    scale: int
    is_required: bool
    is_identity: bool

    @property
    def sql(self) -> str:
        """Its quoted name in PostgreSQL."""
        return quote_name([long_names.shorten(self.name)])

    @property
    def display_length(self) -> str:
        """The length as the load error views show it."""
        if self.kind == "numeric":
            return f"{self.precision},{self.scale}"
        return str(self.length) if self.length else ""


@dataclass(frozen=True)
class Target:
    """A table: its name without the schema, its oid and the columns to load.

    `sql` is its quoted full name.
    """

    name: str
    oid: int
    sql: str
    columns: list[Column]

    @property
    def names(self) -> str:
        """The quoted names of the columns."""
        return ", ".join(column.sql for column in self.columns)

    @property
    def needs_staging(self) -> bool:
        """Whether it has a column whose values PostgreSQL's COPY cannot read."""
        return any(column.kind in STAGED_TYPES for column in self.columns)


def find_target(job: Job, options: CopyOptions) -> Target:
    """Return a COPY's target; raise RedshiftError if it or a column is missing."""
    parts = job.catalog.qualified_name(options.table).split(".")
    rows = job.backend.query(COLUMNS.format(name=quote_literal(quote_name(parts))))
    if not rows:
        raise RedshiftError(f"Cannot COPY into nonexistent table {parts[-1]}", "42P01")
    columns = [_parse_column(row) for row in rows]
    by_name = {long_names.shorten(column.name): column for column in columns}
    unknown = [name for name in options.columns if name not in by_name]
    if unknown:
        raise RedshiftError(
            f'column "{unknown[0]}" of relation "{parts[-1]}" does not exist', "42703"
        )
    loaded = [by_name[name] for name in options.columns] or columns
    if "explicit_ids" not in options.flags:
        loaded = [column for column in loaded if not column.is_identity]
    return Target(
        name=long_names.restore(parts[-1]),
        oid=int(str(rows[0][5])),
        sql=quote_name(parts),
        columns=loaded,
    )


def _parse_column(row: list[str | None]) -> Column:
    name, kind, modifier, is_required, is_identity, _ = (str(value) for value in row)
    packed = int(modifier) - MODIFIER_OFFSET
    is_string = kind in ("varchar", "bpchar")
    is_numeric = kind == "numeric" and packed >= 0
    return Column(
        name=long_names.restore(name),
        kind=kind,
        length=packed if is_string and packed > 0 else 0,
        precision=packed >> 16 if is_numeric else 0,
        scale=packed & 0xFFFF if is_numeric else 0,
        is_required=is_required == "t",
        is_identity=is_identity == "t",
    )
