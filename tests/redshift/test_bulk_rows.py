"""Many ledger rows reach Redshift by COPY, JSON and special characters included."""

import json
from collections.abc import Callable
from datetime import date, datetime

from loaders import s3, warehouse
from loaders.config import settings
from loaders.warehouse import bulk_rows

COUNT = bulk_rows.MAX_INSERT_ROWS + 1
NAMES = ['a "b", c', "two\nlines", "\N{ROCKET} é", "\\N", "", "=cmd()"]
COLUMNS = ("key", "payload_hash", "payload", "data_date", "accepted_at")


def test_many_rows_are_copied_and_their_file_is_deleted(
    use_warehouse: Callable[..., None],
) -> None:
    use_warehouse("redshift")
    accepted_at = datetime(2026, 11, 24, 3, 4, 5, 678_901)
    payloads = [
        json.dumps({"name__c": NAMES[n % len(NAMES)], "hosts__c": None})
        for n in range(COUNT)
    ]
    rows = [
        (
            f"k{n:04} {NAMES[n % len(NAMES)]}",
            f"h{n}",
            payload,
            date(2026, 11, 24),
            accepted_at,
        )
        for n, payload in enumerate(payloads)
    ]
    with warehouse.transaction() as connection:
        warehouse.ensure_tables(connection)
        bulk_rows.append(
            connection, connection.table("ops", "salesforce_rows"), COLUMNS, rows
        )
    with warehouse.session() as connection:
        copied = connection.fetch_all(
            "-- tests.redshift.test_bulk_rows read rows\n"
            "select key, payload_hash, json_serialize(payload), "
            f"data_date, accepted_at from {connection.table('ops', 'salesforce_rows')} "
            "order by key"
        )
    assert [(*row[:2], *row[3:]) for row in copied] == [
        (*row[:2], *row[3:]) for row in rows
    ]
    assert [json.loads(row[2]) for row in copied] == [
        json.loads(payload) for payload in payloads
    ]
    folder = f"{settings.load().required_archive_url()}/{bulk_rows.FOLDER}"
    assert list(s3.list_objects(folder)) == []


def test_rows_of_a_wide_table_are_inserted_with_several_statements(
    use_warehouse: Callable[..., None],
) -> None:
    use_warehouse("redshift")
    columns = [f"c{number}" for number in range(100)]  # 500 rows have 50,000 values
    rows = [list(range(number, number + 100)) for number in range(500)]
    with warehouse.session() as connection:
        types = ", ".join(f"{column} bigint" for column in columns)
        connection.execute(f"-- test\ncreate temp table wide ({types})")
        connection.insert("wide", columns, rows)
        found = connection.fetch_all("-- test\nselect * from wide order by c0")
        connection.execute("-- test\ndrop table wide")
    assert [list(row) for row in found] == rows
