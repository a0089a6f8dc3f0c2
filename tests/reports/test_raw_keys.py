"""What the report and `nightshift rejects keys` show of changed raw keys."""

import json
from datetime import date, datetime

import pytest

from loaders import warehouse
from loaders.warehouse import schema_changes
from loaders.warehouse.schema_changes import ADDED, KEPT, UNKNOWN_KEY, Change
from orchestrate.cli import rejects
from reports.morning.notes import read_notes
from tests.loaders.conftest import duckdb_warehouse
from tests.reports import sample_report

__all__ = ["duckdb_warehouse"]
# A change, the day on which it was noticed, and its text in the report of 24 November.
CHANGES = (
    (Change("staging.raw_orgs", "old", ADDED, "bigint"), 22, ""),
    (Change("ops.alerts", "content", ADDED, "varchar"), 24, ""),
    (Change("staging.raw_orgs", "n", ADDED, "bigint"), 24, "raw_orgs.n added (bigint)"),
    (
        Change("staging.raw_orgs", "m", KEPT, "bigint"),
        24,
        "raw_orgs.m is no longer declared, but kept",
    ),
    (
        Change(
            *("staging.raw_metrics", "<b>\x1b[2J", UNKNOWN_KEY, "string"),
            dt=date(2026, 11, 24), records=1203,
        ),
        24,
        "new key <b>[2J in raw_metrics (1,203 records)",
    ),
    (Change("staging.raw_orgs", "later", ADDED, "bigint"), 26, ""),
)  # fmt: skip


@pytest.fixture
def ledger(duckdb_warehouse: None) -> None:
    """Write the changes, and reports of three dates in the mornings after them."""
    warehouse.create_missing_tables()
    with warehouse.session() as connection:
        extra = json.dumps({"<b>\x1b[2J": "a@example.com"})
        connection.insert(
            connection.table("staging", "raw_metrics"),
            ["dt", "extra"],
            [(date(2026, 11, 24), extra)],
        )
        table = connection.table("ops", schema_changes.TABLE)
        for change, day, _ in CHANGES:
            schema_changes.record(connection, [change], run_id="r")
            connection.execute(
                f"-- test\nupdate {table} set changed_at = ? where column_name = ?",
                [datetime(2026, 11, day, 20), change.column],
            )
        for day in (23, 24, 25):
            request = sample_report.report().request
            connection.insert(
                connection.table("ops", "reports"),
                ["data_date", "env", "version", "finished_at"],
                [
                    (
                        *(date(2026, 11, day), request.env, request.version),
                        datetime(2026, 11, day + 1, 6),
                    )
                ],
            )


def test_report_mentions_the_changes_since_the_last_one_in_one_line(
    ledger: None,
) -> None:
    request = sample_report.report().request
    assert request.data_date == date(2026, 11, 24)
    with warehouse.session() as connection:
        (note,) = read_notes(connection, request)
    texts = [text for *_, text in CHANGES if text]
    for text in texts:
        assert text in note.text
    assert note.text.count(";") == len(texts) - 1
    assert "example.com" not in note.text
    assert note.command == "nightshift rejects keys"


def test_keys_are_listed_with_safe_examples(
    ledger: None, capsys: pytest.CaptureFixture[str]
) -> None:
    rejects.list_keys()
    printed = capsys.readouterr().out
    assert '"a@example.com"' in printed
    assert "\x1b" not in printed
    assert "content" not in printed
    rejects.list_keys(source="metrics")
    assert "raw_orgs" not in capsys.readouterr().out
