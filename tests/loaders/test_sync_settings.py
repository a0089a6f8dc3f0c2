"""`NIGHTSHIFT_SALESFORCE__SYNC__*`: what is accepted, and the table of them."""

import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import TypeAdapter

from loaders.config import settings
from loaders.config.salesforce_policy import SyncPolicy
from loaders.config.settings import PROJECT
from loaders.errors import ConfigError

PREFIX = "NIGHTSHIFT_SALESFORCE__SYNC__"
PAGE = PROJECT / "docs" / "salesforce.md"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start each test without settings."""
    for name in list(os.environ):
        if name.upper().startswith("NIGHTSHIFT_"):
            monkeypatch.delenv(name)
    settings.load.cache_clear()
    yield
    settings.load.cache_clear()


def _value(policy: SyncPolicy, name: str) -> object:
    value: object = policy
    for part in name.lower().split("__"):
        value = getattr(value, part)
    return value


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("MAX_REJECTED_RATIO", "0.05", 0.05),
        ("MAX_REJECTED_ROWS", "12", 12),
        ("BULK_ABOVE_ROWS", "0", 0),
        ("COLLECTION_ROWS", "200", 200),
        ("CHUNK_BYTES", "100000000", 100_000_000),
        ("CHUNK_ROWS", "1", 1),
        ("QUOTA_RESERVE_RATIO", "0", 0.0),
        ("ABORT_STUCK_JOBS", "true", True),
        ("MISSING_ROWS", "blank", "blank"),
        ("MISSING_ROWS", "flag", "flag"),
        ("MISSING_FLAG_FIELD", "left_the_mart__c", "left_the_mart__c"),
        ("RETRY_PERMANENT", "when_changed", "when_changed"),
        ("READ_BACK_ROWS", "50", 50),
        ("HISTORY_DAYS", "30", 30),
        ("HISTORY_DAYS", "", 400),
        ("SAFETY_THRESHOLDS__MAX_CREATE_RATIO", "off", None),
        ("SAFETY_THRESHOLDS__MAX_CREATE_RATIO", "1.5", 1.5),
        ("SAFETY_THRESHOLDS__MAX_CHANGE_RATIO", "0.3", 0.3),
        ("SAFETY_THRESHOLDS__MAX_CHANGE_RATIO", "", None),
        ("SAFETY_THRESHOLDS__MAX_MEDIAN_FACTOR", " OFF ", None),
        ("SAFETY_THRESHOLDS__MIN_ROWS", "0", 0),
        ("RETRY_POLICY__ATTEMPTS", "1", 1),
        ("RETRY_POLICY__READ_TIMEOUT_SECONDS", "0.5", 0.5),
    ],
)
def test_setting_reaches_the_policy(
    name: str, text: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PREFIX + name, text)
    policy = settings.load().salesforce.sync
    assert _value(policy, name) == value
    others = set(_schema_properties()) - {name}
    assert all(_value(policy, n) == _value(SyncPolicy(), n) for n in others)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("CHUNK_BYTES", "100000001"),
        ("CHUNK_BYTES", "0"),
        ("CHUNK_BYTES", "50 MB"),
        ("CHUNK_ROWS", "-1"),
        ("CHUNK_ROWS", "1e400"),
        ("COLLECTION_ROWS", "201"),
        ("COLLECTION_ROWS", "0"),
        ("BULK_ABOVE_ROWS", "1000000"),
        ("MAX_REJECTED_RATIO", "1.01"),
        ("MAX_REJECTED_RATIO", "-0.1"),
        ("MAX_REJECTED_RATIO", "nan"),
        ("MAX_REJECTED_ROWS", "off"),
        ("QUOTA_RESERVE_RATIO", "10%"),
        ("MISSING_ROWS", "none"),
        ("MISSING_ROWS", "delete"),
        ("MISSING_FLAG_FIELD", "is missing"),
        ("MISSING_FLAG_FIELD", "a, Name"),
        ("RETRY_PERMANENT", "never"),
        ("ABORT_STUCK_JOBS", "perhaps"),
        ("POLL_TIMEOUT_SECONDS", "0"),
        ("POLL_TIMEOUT_SECONDS", "inf"),
        ("READ_BACK_ROWS", "-5"),
        ("HISTORY_DAYS", "1000000"),
        ("SAFETY_THRESHOLDS__MAX_NULL_RATIO", "-1"),
        ("SAFETY_THRESHOLDS__MAX_NULL_RATIO", "inf"),
        ("SAFETY_THRESHOLDS__MAX_MEDIAN_FACTOR", "0.5"),
        ("SAFETY_THRESHOLDS__MIN_ROWS", "few"),
        ("RETRY_POLICY__ATTEMPTS", "0"),
        ("RETRY_POLICY__CONNECT_TIMEOUT_SECONDS", "-1"),
    ],
)
def test_malformed_setting_is_named(
    name: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PREFIX + name, text)
    with pytest.raises(ConfigError, match=rf"{PREFIX}{name} is malformed: ") as error:
        settings.load()
    assert text not in str(error.value).replace(name, "").split("malformed")[0]


@pytest.mark.parametrize(
    "name",
    ["CHUNK_SIZE", "RETRY_PERMANENTLY", "SAFETY_THRESHOLDS", "RETRY_POLICY__X", ""],
)
def test_unknown_setting_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PREFIX + name, "1")
    with pytest.raises(ConfigError, match=rf"{PREFIX}{name} is not a setting"):
        settings.load()


def test_table_of_the_settings_has_each_name_default_and_range() -> None:
    rows = re.findall(
        r"^\| `([A-Z_]+)` \| ([^|]+) \| ([^|]+) \| [^|]+ \|$",
        PAGE.read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    documented = {name: (default, allowed) for name, default, allowed in rows}
    assert documented == {
        name: (_default(name), _allowed(schema))
        for name, schema in _schema_properties().items()
    }


def _schema_properties() -> dict[str, dict[str, Any]]:
    """Return the JSON schema of each setting by its name without prefix."""
    schema = TypeAdapter(SyncPolicy).json_schema()
    properties: dict[str, dict[str, Any]] = {}
    for name, described in schema["properties"].items():
        if "$ref" not in described:
            properties[name.upper()] = described
            continue
        nested = schema["$defs"][described["$ref"].rpartition("/")[2]]
        properties |= {
            f"{name}__{inner}".upper(): field
            for inner, field in nested["properties"].items()
        }
    return properties


def _default(name: str) -> str:
    value = _value(SyncPolicy(), name)
    text = "off" if value is None else f"{value:,}" if _is_number(value) else str(value)
    return f"`{text.lower()}`"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _allowed(schema: dict[str, Any]) -> str:
    """Return the range of a setting as the table writes it."""
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "boolean":
        return "`true`, `false`"
    if "pattern" in schema:
        return "name of a field"
    options = schema.get("anyOf", [schema])
    number = options[0]
    low = f"{number.get('minimum', 0):,g}"
    low = f"above {low}" if "exclusiveMinimum" in number else low
    high = number.get("maximum")
    text = f"at least {low}" if high is None else f"{low} to {high:,.12g}"
    return f"{text}, or `off`" if len(options) > 1 else text
