"""New, changed and removed keys of raw tables on DuckDB."""

import pytest

from loaders import warehouse
from loaders.errors import ConfigError
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
