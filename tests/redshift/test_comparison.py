"""Comparing two versions of models in two schemas of Redshift."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import yaml

from loaders import warehouse
from loaders.config import dbt_profile
from loaders.errors import ConfigError
from loaders.warehouse.other_target import own_side
from reports.comparison.compare import compare
from tests.reports import comparison_cases
from tests.reports.comparison_cases import CASES


def test_all_differences_are_found(
    use_warehouse: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    use_warehouse("redshift")
    own = own_side()
    other = replace(own, prefix=f"old_{own.prefix}")
    file = dbt_profile.profiles_file()
    profile = yaml.safe_load(file.read_text())
    outputs = profile["nightshift"]["outputs"]
    outputs["old"] = {**outputs["dev"], "schema": other.prefix.removesuffix("_")}
    outputs["elsewhere"] = {**outputs["old"], "host": "other.example"}
    file.write_text(yaml.safe_dump(profile))
    with warehouse.session() as connection:
        comparison_cases.create(connection, other, is_new=False)
        comparison_cases.create(connection, own, is_new=True)
    result = compare(comparison_cases.models(), against="old", is_chosen=True)
    for name, found in zip(CASES, result.models, strict=True):
        comparison_cases.check(name, found)
    for against, message in (
        ("elsewhere", "have a different host in .*--against"),
        ("dev", "has the schemas of the current target dev"),
        ("local", "Target local is of type duckdb, but .* type redshift"),
        ("nowhere", "Target 'nowhere' is not in "),
    ):
        with pytest.raises(ConfigError, match=message):
            compare([], against=against, is_chosen=True)
