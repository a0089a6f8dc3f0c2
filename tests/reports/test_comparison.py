"""Comparing two versions of models on DuckDB, and how the result reads."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from loaders import warehouse
from loaders.config import dbt_profile
from loaders.errors import ConfigError
from loaders.warehouse.other_target import own_side
from reports.comparison import rendering
from reports.comparison.compare import HIDDEN, Result, compare
from tests.loaders.conftest import duckdb_warehouse
from tests.reports import comparison_cases
from tests.reports.comparison_cases import CASES, NAMES

__all__ = ["duckdb_warehouse"]


@pytest.fixture
def other(
    duckdb_warehouse: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """Yield a DuckDB file with the old versions; the warehouse has the new ones."""
    path = tmp_path / "it's old.duckdb"
    for file, is_new in ((path, False), (tmp_path / "new.duckdb", True)):
        monkeypatch.setenv("NIGHTSHIFT_DUCKDB_PATH", str(file))
        dbt_profile.target.cache_clear()
        with warehouse.session() as connection:
            comparison_cases.create(connection, own_side(), is_new=is_new)
    yield str(path)
    dbt_profile.target.cache_clear()


def test_all_differences_are_found(other: str) -> None:
    result = compare(comparison_cases.models(), against=other, is_chosen=True)
    for name, found in zip(CASES, result.models, strict=True):
        comparison_cases.check(name, found)
    texts = [rendering.markdown(result), rendering.page(result)]
    for text in texts:
        assert all(model in text for model in NAMES.values())


def test_personal_values_are_never_read(other: str) -> None:
    (model,) = comparison_cases.models(["texts"])
    model = replace(model, shown=frozenset())
    result = compare([model], against=other, is_chosen=True)
    (example,) = result.models[0].values[0].examples
    assert (example.key, example.before) == ({"id": HIDDEN}, HIDDEN)


def test_hostile_values_are_harmless_in_every_output(
    other: str, capsys: pytest.CaptureFixture[str]
) -> None:
    value = "<b>|@all\x1b[2J" + "x" * 99
    with duckdb.connect(other) as connection:
        table = f"marts.{NAMES['texts']}"
        connection.execute(f"update {table} set v = ?", [value])
    result = compare(comparison_cases.models(["texts"]), against=other, is_chosen=True)
    rendering.print_result(result)
    printed = capsys.readouterr().out
    assert "<b>|@all\ufffd[2Jxxx" in printed
    assert "\x1b" not in printed
    assert "x" * 41 not in printed
    markdown, page = (
        rendering.markdown(result),
        rendering.page(result),
    )
    for text in (markdown, page):
        assert "&lt;b&gt;" in text
        assert "\x1b" not in text
    assert "@all" not in markdown
    assert "<b>" not in page


def test_a_model_that_only_one_side_has(other: str, tmp_path: Path) -> None:
    with duckdb.connect(other) as connection:
        connection.execute(f"drop table marts.{NAMES['texts']}")
    models = comparison_cases.models(["texts", "booleans"])
    result = compare(models, against=other, is_chosen=False)
    assert [model.status for model in result.models] == ["new", "different"]
    with pytest.raises(ConfigError, match=r"has no marts\.m_.*Leave the model out"):
        compare(models, against=other, is_chosen=True)
    with duckdb.connect(str(tmp_path / "new.duckdb")) as connection:
        connection.execute(f"drop table marts.{NAMES['texts']}")
    assert len(compare(models, against=other, is_chosen=False).models) == 1
    with pytest.raises(ConfigError, match=r"local has no marts\.m_.*dbt build"):
        compare(models, against=other, is_chosen=True)


@pytest.mark.parametrize(
    ("against", "message"),
    [
        ("nowhere", "Target 'nowhere' is not in .*--against"),
        ("no/file.duckdb", "^no/file.duckdb is not a file.*--against"),
        ("tests/reports", "^tests/reports is not a file.*--against"),
        ("local", "is the warehouse of target local itself.*--against"),
        ("README.md", "README.md cannot be read as a DuckDB file: .*--against"),
    ],
)
def test_impossible_other_side_is_named(other: str, against: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        compare([], against=against, is_chosen=True)


def test_result_without_models_says_what_to_do() -> None:
    result = Result("dev", "prod")
    assert "dev has built no mart" in rendering.markdown(result)
    assert "dbt build" in rendering.nothing(result)
