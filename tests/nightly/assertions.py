"""Comparing what a run produced with the reference implementation."""

from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Any

from tests.nightly.project import Project
from tests.reference import (
    DEFAULTS,
    MART_KEYS,
    Constants,
    differences,
    expected_marts,
    read_raw_data,
)

SHOWN = 15
Marts = dict[str, list[dict[str, Any]]]


def read_marts(project: Project) -> Marts:
    """Return the rows of every mart that the reference implementation computes."""
    return {mart: project.rows(f"select * from marts.{mart}") for mart in MART_KEYS}


def assert_marts_match_reference(
    project: Project,
    raw: Path,
    *,
    data_date: date,
    data_dates: Collection[date],
    without: Collection[str] = (),
    constants: Constants = DEFAULTS,
) -> None:
    """Fail with the first differences between the marts and the reference.

    `data_dates` are the dates run so far, `raw` the folder of raw partitions, `without`
    marts that are not compared, and `constants` the project's vars.
    """
    reference = expected_marts(
        read_raw_data(raw),
        data_date=data_date,
        data_dates=data_dates,
        constants=constants,
    )
    marts = read_marts(project)
    lines = [
        f"{mart}: {line}"
        for mart, key in MART_KEYS.items()
        if mart not in without
        for line in differences(getattr(reference, mart), marts[mart], key=key)[:SHOWN]
    ]
    assert not lines, "\n".join(lines)
    assert reference.fct_org_day, "a world without trials proves nothing"


def assert_same_marts(first: Marts, second: Marts) -> None:
    """Fail unless both hold the same marts with the same rows."""
    assert first.keys() == second.keys()
    lines = [
        f"{mart}: {line}"
        for mart in first
        for line in differences(first[mart], second[mart], key=MART_KEYS[mart])[:SHOWN]
    ]
    assert not lines, "\n".join(lines)
