"""The medians of numeric fields before and after a sync, over all records.

Staged rows have both values. All other rows have the same value before and after, which
the mart has too. Bounds from the mart show for most fields that their median cannot
have changed much; only for the others are the values around the median counted.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from loaders import warehouse
from loaders.config.salesforce_mapping import Field
from loaders.salesforce import mart_sql
from loaders.salesforce.context import SyncContext
from loaders.salesforce.staging_db import StagingDb
from loaders.warehouse import Connection, bulk_rows, identifier

SENDER = "-- loaders.salesforce.medians"


@dataclass(frozen=True)
class _Unstaged:
    """Values of rows that are not staged: how many there are, and those in a range.

    `below` is the number of values less than those in `counts`.
    """

    rows: int
    below: int
    counts: tuple[tuple[float, int], ...]


NO_ROWS = _Unstaged(0, 0, ())


def factor(before: float, after: float) -> float:
    """Return the factor by which two medians differ; medians below 1 count as 1."""
    low = min(abs(before), abs(after))
    return 1 + abs(after - before) / max(low if before * after > 0 else 0, 1)


def changed_medians(
    staging_db: StagingDb, context: SyncContext, limit: float
) -> Iterator[tuple[str, float, float]]:
    """Yield (field, median before, median after) unless surely within the limit."""
    fields = [
        field
        for field in context.mapping.fields
        if field.is_numeric and field.name != context.mapping.external_id
    ]
    if not fields:
        return
    _extract_numbers(staging_db, fields)
    changed = [
        field
        for number, field in enumerate(fields)
        if staging_db.query_int(
            "select count(*) from local.numbers"
            f" where before_{number} != after_{number}"
        )
    ]
    unstaged: dict[str, _Unstaged] = {}
    if changed and not _is_all_staged(staging_db):
        staged = staging_db.query_int("select count(*) from local.rows")
        with bulk_rows.session() as connection:
            changed = _may_exceed(
                connection, context, changed, staged=staged, limit=limit
            )
            if changed:
                pairs = _count_pairs(staging_db, fields)
                unstaged = _read_unstaged(connection, context, changed, pairs)
    for number, field in enumerate(fields):
        if field not in changed:
            continue
        rest = unstaged.get(field.name, NO_ROWS)
        before = _median(staging_db, f"before_{number}", number, rest)
        after = _median(staging_db, f"after_{number}", number, rest)
        if before is not None and after is not None:
            yield field.name, before, after


def most_changed(staging_db: StagingDb, name: str, limit: int) -> tuple[str, ...]:
    """Return the keys with the largest changes of a field, with both values."""
    path = f'$."{name}"'
    records = staging_db.query(
        "select key, old, new from (select rows.key as key, rows.folded_key,"
        " json_extract_string(state.payload, ?) as old,"
        " json_extract_string(rows.payload, ?) as new from local.rows as rows"
        " inner join local.state as state on state.folded_key = rows.folded_key"
        " where state.hash != '' and rows.action != 'rejected') as pairs"
        " where old is not null and new is not null"
        " order by abs(cast(new as double) - cast(old as double)) desc, folded_key"
        " limit ?",
        *(path, path, limit),
    )
    return tuple(f"{key} ({old} to {new})" for key, old, new in records)


def _extract_numbers(staging_db: StagingDb, fields: list[Field]) -> None:
    """Store the numbers of the staged records before and after, null if either is."""
    paths = ", ".join(f"'$.\"{field.name}\"'" for field in fields)
    # Numbers are joined and not payloads, which would need much memory.
    for name, source in (
        ("before", "local.state where hash != ''"),
        ("after", "local.rows where action != 'rejected'"),
    ):
        numbers = ", ".join(
            f"cast(texts[{number + 1}] as double) as {name}_{number}"
            for number in range(len(fields))
        )
        staging_db.execute(
            f"create or replace table local.{name} as select folded_key, {numbers} from"
            f" (select folded_key, json_extract_string(payload, [{paths}]) as texts"
            f" from {source}) as payloads"
        )
    pairs = ", ".join(
        f"case when {other}_{number} is not null then {name}_{number} end"
        f" as {name}_{number}"
        for number in range(len(fields))
        for name, other in (("before", "after"), ("after", "before"))
    )
    staging_db.execute(
        f"create or replace table local.numbers as select {pairs} from local.before"
        " inner join local.after on before.folded_key = after.folded_key"
    )


def _is_all_staged(staging_db: StagingDb) -> bool:
    """Return whether no row of the mart is unstaged."""
    totals = "select mart_rows, is_complete from local.totals"
    ((mart_rows, is_complete),) = staging_db.query(totals)
    staged = staging_db.query_int(
        "select count(*) from local.rows where coalesce(action, '') != 'missing'"
    )
    return bool(is_complete or mart_rows <= staged)


def _count_pairs(staging_db: StagingDb, fields: list[Field]) -> dict[str, int]:
    return {
        field.name: staging_db.query_int(
            f"select count(before_{number}) from local.numbers"
        )
        for number, field in enumerate(fields)
    }


def _may_exceed(
    connection: Connection,
    context: SyncContext,
    fields: Sequence[Field],
    *,
    staged: int,
    limit: float,
) -> list[Field]:
    """Return the fields whose medians may differ by more than the limit.

    The values before and after are those of the mart except for at most `staged` each,
    so the medians lie among the mart's values near the median's rank.
    """
    source = f"from {connection.table('marts', context.mapping.model)}"
    ranks = {}
    for field, rows in _count_values(connection, fields, source).items():
        first, last = rows / 2 - 2 * staged - 3, rows / 2 + 2 * staged + 3
        if first >= 1 and last <= rows:
            ranks[field] = (_share(first, rows), _share(last, rows))
    bounds = _percentiles(connection, ranks, source)
    return [f for f in fields if f not in bounds or factor(*bounds[f]) > limit]


def _share(rank: float, rows: int) -> float:
    """Return a rank from 0 to `rows - 1` as an argument of percentile_cont."""
    return min(max(rank / max(rows - 1, 1), 0.0), 1.0)


def _count_values(
    connection: Connection, fields: Sequence[Field], source: str
) -> dict[Field, int]:
    """Return the number of values of each field, without nulls."""
    counts = ", ".join(f"count({identifier(field.column)})" for field in fields)
    (row,) = connection.fetch_all(f"{SENDER} count\nselect {counts} {source}")
    return dict(zip(fields, map(int, row), strict=True))


def _fetch(
    connection: Connection,
    name: str,
    queries: Mapping[Field, tuple[str, Sequence[float]]],
) -> Iterator[tuple[Field, tuple[float, ...]]]:
    """Yield the rows, of numbers only, of one query per field, given without SELECT.

    One statement on Redshift. DuckDB would keep the values of all parts in memory.
    """
    fields = list(queries)
    size = 1 if warehouse.is_single_writer() else max(len(fields), 1)
    for start in range(0, len(fields), size):
        part = fields[start : start + size]
        statement = " union all ".join(
            f"select {number} as number, {queries[field][0]}"
            for number, field in enumerate(part)
        )
        parameters = [value for field in part for value in queries[field][1]]
        for number, *values in connection.fetch_all(
            f"{SENDER} {name}\n{statement}", parameters
        ):
            yield part[number], tuple(float(value) for value in values)


def _percentiles(
    connection: Connection, shares: Mapping[Field, tuple[float, float]], source: str
) -> dict[Field, tuple[float, float]]:
    """Return two percentiles of each field."""
    queries = {
        field: (
            ", ".join(
                f"cast(percentile_cont({share!r}) within group "
                f"(order by {identifier(field.column)}) as double precision) as {name}"
                for name, share in zip(("low", "high"), pair, strict=True)
            )
            + f" {source}",
            (),
        )
        for field, pair in shares.items()
    }
    found = _fetch(connection, "percentiles", queries)
    return {field: (low, high) for field, (low, high) in found}


def _read_unstaged(
    connection: Connection,
    context: SyncContext,
    fields: Sequence[Field],
    pairs: Mapping[str, int],
) -> dict[str, _Unstaged]:
    """Read the values of unstaged rows that may be the median before or after."""
    mart = mart_sql.read_mart(connection, context.mapping)
    source = mart_sql.unstaged_rows(mart)
    with mart_sql.delta(connection, mart, context.sync, context.scope):
        rows = _count_values(connection, fields, source)
        shares = {}
        for field in (field for field in fields if rows[field]):
            staged = pairs[field.name]
            middle = (rows[field] + staged) / 2
            shares[field] = (
                _share(middle - staged - 2, rows[field]),
                _share(middle + 2, rows[field]),
            )
        bounds = _percentiles(connection, shares, source)
        below = _fetch(
            connection,
            "below",
            {
                field: (f"count(*) {source} and {identifier(field.column)} < ?", [low])
                for field, (low, _) in bounds.items()
            },
        )
        counts_below = {field: int(count) for field, (count,) in below}
        values = {
            field: (
                f"cast({identifier(field.column)} as double precision) as value, "
                f"count(*) {source} and {identifier(field.column)} between ? and ? "
                "group by 2",
                pair,
            )
            for field, pair in bounds.items()
        }
        near: dict[Field, list[tuple[float, int]]] = {field: [] for field in bounds}
        for field, (value, count) in _fetch(connection, "near the median", values):
            near[field].append((value, int(count)))
    return {
        field.name: _Unstaged(
            rows[field], counts_below[field], tuple(sorted(near[field]))
        )
        for field in bounds
    }


def _median(
    staging_db: StagingDb, column: str, number: int, rest: _Unstaged
) -> float | None:
    """Return the median of staged and unstaged values."""
    if not rest.rows:
        ((median,),) = staging_db.query(
            f"select median({column}) from local.numbers where before_{number} is not"
            f" null and after_{number} is not null"
        )
        return None if median is None else float(median)
    staged = staging_db.query(
        f"select {column}, count(*) from local.numbers"
        f" where {column} is not null group by 1"
    )
    total = rest.rows + sum(count for _, count in staged)
    ranks = ((total + 1) // 2, (total + 2) // 2)
    first = rest.counts[0][0]
    position = rest.below + sum(count for value, count in staged if value < first)
    values: list[float] = []
    near = [item for item in staged if item[0] >= first]
    for value, count in sorted([*rest.counts, *near]):
        position += count
        values += [value for rank in ranks[len(values) :] if rank <= position]
    return sum(values) / len(values) if values else None
