"""What a rejected line names, and what may not be removed because runs need it."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from loaders.config import windows
from loaders.config.retention import Retention
from loaders.erasures.subjects import ADDRESS, EMAIL, NAME, ORG, USER, find_in
from loaders.errors import ConfigError
from loaders.removal import files, retention
from loaders.removal.rows import ORG_COLUMN

PROJECT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"org_id": 17, "hosts": null}', {(ORG, "17")}),
        ('{"org_id": "+0017"', {(ORG, "17")}),
        (r"{\"org_id\":17,\"user_id\":8", {(ORG, "17"), (USER, "8")}),
        ("org_id=17 userId: 8", {(ORG, "17"), (USER, "8")}),
        ('{"ORG_ID" : " 17 "}', {(ORG, "17")}),
        ('{"org_id": 17.5, "hosts": 3}', {(ORG, "17")}),
        ('{"org_id": null, "hosts": 17}', set()),
        ('{"hosts": 17, "id": 17}', set()),
        ('{"mail": "A@x.example"}', {(EMAIL, "a@x.example")}),
        ('{"org_name": "Caf\\u00e9 \\"A\\"", ', {(NAME, 'Café "A"')}),
        ('{"org_name": "cut of', {(NAME, "cut of")}),
        # An org's id is more certain than a mail address or a name.
        ('{"org_id": 17, "mail": "a@x.example", "org_name": "A"}', {(ORG, "17")}),
        ('192.0.2.1 - 8 [24/Nov/2026:10:00:00] "GET', {(USER, "8")}),
        ('192.0.2.1 - - [24/Nov/2026:10:00:00] "GET', {(ADDRESS, "192.0.2.1")}),
        ('192.0.2.1 - x8 [24/Nov/2026:10:00:00] "GET', {(ADDRESS, "192.0.2.1")}),
        ("192.0.2.1 - 8", {(USER, "8")}),
        ("", set()),
        ("\ufffd\ufffd", set()),
    ],
)
def test_rejected_lines_name_their_subjects(
    line: str, expected: set[tuple[str, str]]
) -> None:
    assert set(find_in(line)) == expected


@pytest.mark.parametrize(
    ("column", "is_org"),
    [
        ("org_id", True),
        ("org_id__c", True),
        ("nightshift_org_id__c", True),
        ("parent_org_id", True),
        ("salesforce_org_id", False),
        ("org_identifier", False),
        ("org_name", False),
    ],
)
def test_columns_of_org_ids_are_recognised(column: str, is_org: bool) -> None:
    assert bool(ORG_COLUMN.fullmatch(column)) == is_org


@pytest.mark.parametrize("days", [0, -1, 36_501, 10**9, 10**20, 41.5, "abc"])
def test_impossible_number_of_days_is_malformed(days: object) -> None:
    with pytest.raises(ValidationError, match="staging_days"):
        Retention.model_validate({"staging_days": days})


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({}, ""),
        ({"staging_days": 41, "archive_days": 34}, ""),
        ({"staging_days": 40}, "STAGING_DAYS is 40, but runs need 41 days"),
        ({"archive_days": 1}, "ARCHIVE_DAYS is 1, but runs need 34 days"),
        ({"rejects_days": 1, "payloads_days": 1}, ""),
    ],
)
def test_retention_keeps_what_runs_need(policy: dict[str, int], expected: str) -> None:
    if not expected:
        retention.check(Retention(**policy))
        return
    with pytest.raises(ConfigError, match=expected):
        retention.check(Retention(**policy))


def test_models_read_staging_no_further_back_than_retention_keeps() -> None:
    found = set()
    for path in (PROJECT / "models").rglob("*.sql"):
        text = path.read_text(encoding="utf-8")
        if re.search(r"ref\('stg_", text) and not path.name.startswith("stg_"):
            found |= set(
                re.findall(
                    r"in_window_and_before\(\s*'partition_date', ([^)]+)\)", text
                )
            )
    days = {text.strip().removeprefix("var('").rstrip("')") for text in found}
    assert days == {"org_carry_forward_days", str(windows.SESSION_DAYS)}


def test_files_of_interrupted_syncs_are_listed_without_their_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "VAR", tmp_path)
    folder = tmp_path / "spool" / "salesforce" / "Account"
    folder.mkdir(parents=True)
    (folder / "lock").write_text("4711")
    (folder / "empty.csv").touch()
    (folder / "chunk.csv").write_text("org_id__c\n17\n")
    assert files.find_spooled() == [folder / "chunk.csv"]
