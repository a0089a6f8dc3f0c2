"""New, changed and removed keys of raw tables on DuckDB."""

import json
import re
from pathlib import Path

import pytest

from loaders import warehouse
from loaders.errors import ConfigError
from loaders.warehouse import declared_tables
from tests.loaders import raw_key_cases
from tests.loaders.raw_key_cases import STEPS, TYPE_CHANGES


@pytest.mark.parametrize("name", STEPS)
def test_declared_columns_are_added_and_others_kept(
    duckdb_warehouse: None, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    raw_key_cases.check_steps(monkeypatch, STEPS[name])


@pytest.mark.parametrize("change", TYPE_CHANGES, ids=lambda change: change[2])
def test_changed_type_is_an_error_with_the_statement_to_run(
    duckdb_warehouse: None,
    monkeypatch: pytest.MonkeyPatch,
    change: tuple[str, str, str, object],
) -> None:
    raw_key_cases.check_type_change(
        monkeypatch, change, names={"varchar(65535)": "varchar"}
    )


@pytest.mark.parametrize(
    ("name", "kind"), [("v", "bigintt"), ("userId", "bigint"), ("v", "varchar(")]
)
def test_impossible_declaration_is_named(
    duckdb_warehouse: None, monkeypatch: pytest.MonkeyPatch, name: str, kind: str
) -> None:
    raw_key_cases.declare(monkeypatch, raw_key_cases.BASE)
    warehouse.create_missing_tables()
    raw_key_cases.declare(monkeypatch, raw_key_cases.BASE | {name: kind})
    with pytest.raises(ConfigError, match=rf"Column {name} .*Correct it in models/x"):
        warehouse.create_missing_tables()


@pytest.mark.parametrize(
    ("name", "is_valid"),
    [
        *(("x" * 127, True), ("order", True), ("_x", True), ("a1", True)),
        *(("x" * 128, False), ("userId", False), ("a b", False), ("a.b", False)),
        *(('a"b', False), ("1st", False), ("na\u00efve", False), (5, False)),
    ],
)
def test_declared_column_with_an_impossible_name_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: object, is_valid: bool
) -> None:
    file = tmp_path / "models" / "_app__sources.yml"
    file.parent.mkdir()
    column = {"name": name, "data_type": "bigint"}
    tables = [{"name": "raw_things", "columns": [column]}]
    source = {"name": "app", "tables": tables}
    file.write_text(json.dumps({"sources": [source]}), encoding="utf-8")
    monkeypatch.setattr(declared_tables, "PROJECT", tmp_path)
    read = declared_tables.all_tables.__wrapped__
    if is_valid:
        assert read()[0].columns[0].name == name
        return
    expected = f"Column {re.escape(str(name))} of raw_things in models/_app__sources"
    with pytest.raises(ConfigError, match=expected):
        read()
