"""Values are rendered as the text that Salesforce parses, or rejected."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from loaders.config.salesforce_mapping import Field, Mapping
from loaders.salesforce_api.rows import RejectedRow, RenderedRow, RowRenderer
from loaders.salesforce_api.values import RejectedValueError, make_renderer

TEXT = Field("name__c", "name__c", "text", length=10)
WHOLE = Field("hosts__c", "hosts__c", "number", precision=4)
MEDIAN = Field("median__c", "median__c", "number", precision=6, scale=2)
PERCENT = Field("share__c", "share__c", "percent", precision=5, scale=1)
DAY = Field("day__c", "day__c", "date")
TIMESTAMP = Field("at__c", "at__c", "datetime")
CHECKBOX = Field("is_paid__c", "is_paid__c", "checkbox")
KEY = Field("org_id__c", "org_id__c", "text", length=18)


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        (TEXT, "plain", "plain"),
        (TEXT, 'a "b",\nc', 'a "b",\nc'),
        (TEXT, "=cmd()", "=cmd()"),
        (TEXT, "\N{ROCKET} é", "\N{ROCKET} é"),
        (TEXT, "a\r\nb\rc", "a\nb\nc"),
        (TEXT, "a\0b", "ab"),
        (TEXT, " a ", " a "),
        (TEXT, 12, "12"),
        (TEXT, "0123456789", "0123456789"),
        (WHOLE, 0, "0"),
        (WHOLE, 9999, "9999"),
        (WHOLE, -9999, "-9999"),
        (WHOLE, 250.0, "250"),
        (WHOLE, Decimal("250.000"), "250"),
        (MEDIAN, 12.5, "12.5"),
        (MEDIAN, Decimal("12.50"), "12.5"),
        (MEDIAN, 0.1 + 0.2, "0.3"),
        (MEDIAN, Decimal("1E+3"), "1000"),
        (MEDIAN, 1e-7, "0"),
        (MEDIAN, -0.0, "0"),
        (MEDIAN, Decimal("9999.994"), "9999.99"),
        (MEDIAN, 2.005, "2.01"),
        (PERCENT, Decimal("12.5"), "12.5"),
        (PERCENT, 100, "100"),
        (DAY, date(2026, 11, 4), "2026-11-04"),
        (DAY, datetime(2026, 11, 4), "2026-11-04"),
        (
            TIMESTAMP,
            datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
            "2026-01-02T03:04:05.000Z",
        ),
        (CHECKBOX, True, "true"),
        (CHECKBOX, False, "false"),
    ],
)
def test_values_are_rendered(field: Field, value: object, text: str) -> None:
    assert make_renderer(field)(value) == text


def test_datetime_is_rendered_in_utc_with_milliseconds() -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    value = datetime(2026, 1, 1, 2, 0, 0, 123_999, tzinfo=zone)
    assert make_renderer(TIMESTAMP)(value) == "2025-12-31T20:30:00.123Z"


def test_naive_datetime_needs_a_declared_zone() -> None:
    declared = Field("at__c", "at__c", "datetime", zone="utc")
    value = datetime(2026, 1, 1, 2)
    assert make_renderer(declared)(value) == "2026-01-01T02:00:00.000Z"
    with pytest.raises(RejectedValueError) as rejected:
        make_renderer(TIMESTAMP)(value)
    assert rejected.value.code == "NO_ZONE"


@pytest.mark.parametrize("value", [None, "", "   ", "\t\n", "\0"])
def test_blank_text_is_rendered_as_null(value: str | None) -> None:
    assert make_renderer(TEXT)(value) is None


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        (TEXT, "#N/A", "NULL_MARKER_TEXT"),
        (TEXT, "01234567890", "TOO_LONG"),
        (TEXT, "\ud800", "NOT_UNICODE"),
        (TEXT, True, "WRONG_TYPE"),
        (TEXT, 1.5, "WRONG_TYPE"),
        (WHOLE, 10_000, "TOO_LARGE"),
        (WHOLE, -10_000, "TOO_LARGE"),
        (WHOLE, 2.5, "NOT_WHOLE"),
        (WHOLE, float("nan"), "NOT_A_NUMBER"),
        (WHOLE, float("-inf"), "NOT_A_NUMBER"),
        (WHOLE, Decimal("NaN"), "NOT_A_NUMBER"),
        (WHOLE, True, "WRONG_TYPE"),
        (WHOLE, "12", "WRONG_TYPE"),
        (MEDIAN, Decimal("9999.995"), "TOO_LARGE"),
        (MEDIAN, 1e300, "TOO_LARGE"),
        (DAY, datetime(2026, 1, 1, 0, 1), "WRONG_TYPE"),
        (DAY, "2026-01-01", "WRONG_TYPE"),
        (DAY, date(1699, 12, 31), "OUT_OF_RANGE"),
        (DAY, date(4001, 1, 1), "OUT_OF_RANGE"),
        (CHECKBOX, None, "NULL_CHECKBOX"),
        (CHECKBOX, 1, "WRONG_TYPE"),
    ],
)
def test_invalid_values_are_rejected(field: Field, value: object, code: str) -> None:
    with pytest.raises(RejectedValueError) as rejected:
        make_renderer(field)(value)
    assert rejected.value.code == code


def test_long_text_is_truncated_if_the_mapping_allows_it() -> None:
    field = Field("name__c", "name__c", "text", length=10, too_long="truncate")
    assert make_renderer(field)("x" * 300) == "x" * 10


def test_null_clears_or_is_ignored_according_to_the_mapping() -> None:
    kept = Field("kept__c", "kept__c", "text", length=10, nulls="ignore")
    render = RowRenderer(Mapping("m", "O", "org_id__c", (KEY, TEXT, kept)), "v")
    row = render(("1", None, None))
    assert isinstance(row, RenderedRow)
    assert row.payload == '{"name__c":null}'


def test_rejected_row_has_all_reasons_and_its_key() -> None:
    render = RowRenderer(Mapping("m", "O", "org_id__c", (KEY, TEXT, WHOLE)), "v")
    row = render(("17", "x" * 11, 2.5))
    assert isinstance(row, RejectedRow)
    assert (row.key, row.code, row.fields) == ("17", "TOO_LONG", "name__c,hosts__c")
    assert "fraction" in row.message


@pytest.mark.parametrize("key", [None, "", "  "])
def test_blank_key_is_rejected(key: str | None) -> None:
    render = RowRenderer(Mapping("m", "O", "org_id__c", (KEY, TEXT)), "v")
    row = render((key, "name"))
    assert isinstance(row, RejectedRow)
    assert row.code == "BLANK_KEY"


def test_hash_depends_on_values_and_mapping_version() -> None:
    mapping = Mapping("m", "O", "org_id__c", (KEY, TEXT))
    hashes = {
        RowRenderer(mapping, version)(("1", name)).hash
        for version in ("org1/a", "org1/b", "org2/a")
        for name in ("x", "y", None)
    }
    assert len(hashes) == 9
