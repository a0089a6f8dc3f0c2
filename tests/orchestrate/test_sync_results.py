"""What `nightshift salesforce` prints about plans, dry runs, syncs and drift."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from loaders.config import salesforce_mapping as mapping
from loaders.ledger.drift import Drift, DriftedRecord
from loaders.ledger.salesforce import Event
from loaders.salesforce.context import SyncRequest
from loaders.salesforce.plan import Change, Plan, SyncResult
from orchestrate.cli import salesforce
from orchestrate.cli.sync_results import print_plan, print_result

DAY, EARLIER = date(2026, 11, 24), date(2026, 11, 20)
PLAN_ID = "0123456789abcdef"
REQUEST = SyncRequest(mapping=mapping.load(), data_date=DAY, spool=Path("spool"))
CHANGES = (Change("7", "change", {"hosts__c": ("1", "2")}),)
PLAN = Plan(PLAN_ID, {"change": 1}, {"hosts__c": 1}, CHANGES, {}, (), False)
STOPPED = replace(PLAN, blockers=("9 rows are new",), needs_approval=True)
SYNC = "nightshift salesforce sync"


@pytest.mark.parametrize(
    ("options", "plan", "last_lines"),
    [
        ({}, PLAN, [f"Plan {PLAN_ID}. Send it: {SYNC}"]),
        (
            {"as_of": EARLIER},
            PLAN,
            [f"Plan {PLAN_ID}. Send it: {SYNC} --as-of {EARLIER}"],
        ),
        (
            {"is_date_given": True},
            STOPPED,
            [
                "The sync would stop: 9 rows are new",
                f"Plan {PLAN_ID}. Approve and send it: {SYNC} --date {DAY} --approve "
                f"{PLAN_ID}",
            ],
        ),
        (
            {"full": True, "approved_plan_id": PLAN_ID},
            PLAN,
            [f"Plan {PLAN_ID}. Send it: {SYNC} --full --approve {PLAN_ID}"],
        ),
        (
            {},
            replace(PLAN, blockers=("Salesforce has values of a later data date",)),
            ["The sync would stop: Salesforce has values of a later data date"],
        ),
        ({}, replace(PLAN, changes=()), ["There is nothing to send."]),
        ({}, replace(STOPPED, changes=()), ["There is nothing to send."]),
        (
            {},
            replace(PLAN, changes=(), drift=Drift(is_complete=True)),
            ["There is nothing to send.", "No record was changed by somebody else."],
        ),
        (
            {},
            replace(
                PLAN,
                changes=(),
                drift=Drift(1, 0, (DriftedRecord("7", "deleted", "", "", ""),)),
            ),
            [
                "1 record was changed in Salesforce by somebody else (1 deleted).",
                "  7 deleted",
                f"Send these alone: {SYNC} --repair-drift",
            ],
        ),
    ],
)
def test_plan_ends_with_the_command_to_run(
    capsys: pytest.CaptureFixture[str],
    options: dict[str, object],
    plan: Plan,
    last_lines: list[str],
) -> None:
    request = replace(REQUEST, **options)
    print_plan(request, plan, limit=20)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-len(last_lines) :] == last_lines
    assert lines[0].startswith("Rollback to" if "as_of" in options else str(DAY))
    dry_run = SyncResult(
        *("s", "o", DAY, "dry_run"),
        actions={"change": 1, "skipped": 3} if plan.changes else {},
        unchanged=4,
        plan_id=plan.plan_id,
        sample=plan.changes,
        blockers=plan.blockers,
        needs_approval=plan.needs_approval,
    )
    print_result(request, dry_run)
    shown = capsys.readouterr().out.splitlines()
    rows = "1 rows (1 change)" if plan.changes else "0 rows"
    assert f"nothing was sent. It would send {rows}; 4 unchanged" in shown[0]
    if not plan.drift:
        assert shown[-len(last_lines) :] == last_lines


HOSTILE = "\x1b[31mred\x9b2J\r\nnightshift: done\u202eevil\u2066\u200b\U000e0041\x07"


def test_no_value_can_control_the_terminal_or_add_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = (Change(HOSTILE, "change", {HOSTILE: (HOSTILE, None)}),)
    record = DriftedRecord(HOSTILE, "edited", HOSTILE, HOSTILE, HOSTILE)
    drift = Drift(0, 1, (record,))
    plan = replace(PLAN, changes=changes, codes={HOSTILE: 1}, drift=drift)
    result = SyncResult(*("s", "o", DAY, "success"), codes={HOSTILE: 1}, drift=drift)
    event = Event(
        DAY,  # type: ignore[arg-type] # only formatted
        *("s", "o", DAY, HOSTILE, HOSTILE),
        fields={HOSTILE: (HOSTILE, HOSTILE)},
    )
    monkeypatch.setattr(salesforce, "_was_ever_sent", lambda: True)
    monkeypatch.setattr(salesforce, "read_history", lambda *_: [event])
    for show, lines in (
        (lambda: print_plan(REQUEST, plan, limit=5), 6),
        (lambda: print_result(REQUEST, result), 5),
        (lambda: print_result(REQUEST, replace(result, status="dry_run")), 6),
        (lambda: salesforce.history(HOSTILE), 2),
    ):
        show()
        text = capsys.readouterr().out
        assert "evil" in text
        assert len(text.splitlines()) == text.count("\n") == lines, text
        assert not {c for c in text if not c.isprintable()} - {"\n"}
