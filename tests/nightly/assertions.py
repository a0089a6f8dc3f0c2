"""What a night left behind, held against the oracle."""

from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Any

from tests.nightly.project import Project
from tests.reference import MART_KEYS, differences, expected, read_world

SHOWN = 15


def marts(project: Project) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of every mart that the oracle knows."""
    return {mart: project.rows(f"select * from marts.{mart}") for mart in MART_KEYS}


def require_marts(
    project: Project, raw: Path, *, data_date: date, nights: Collection[date]
) -> None:
    """Fail with the first differences when a mart is not what the raw lines say."""
    wanted = expected(read_world(raw), data_date=data_date, nights=nights)
    found = marts(project)
    told = [
        f"{mart}: {line}"
        for mart, key in MART_KEYS.items()
        for line in differences(getattr(wanted, mart), found[mart], key=key)[:SHOWN]
    ]
    assert not told, "\n".join(told)
    assert wanted.fct_org_day, "a world without a trial judges nothing"


def require_same(
    first: dict[str, list[dict[str, Any]]], second: dict[str, list[dict[str, Any]]]
) -> None:
    """Fail unless two projects' marts, all or the same few, hold the same rows."""
    assert first.keys() == second.keys()
    told = [
        f"{mart}: {line}"
        for mart in first
        for line in differences(first[mart], second[mart], key=MART_KEYS[mart])[:SHOWN]
    ]
    assert not told, "\n".join(told)
