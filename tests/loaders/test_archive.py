"""Archived days are those whose folder has the name of a partition and `_SUCCESS`."""

from datetime import date

from loaders import archive, s3


def test_only_partitions_with_success_are_complete_days(s3_url: str) -> None:
    for name in (
        "dt=2026-11-24/_SUCCESS",
        "dt=2026-11-24/part-0000.parquet",
        "dt=2026-11-23/part-0000.parquet",
        "dt=2026-11-22/old/_SUCCESS",
        "dt=2026-11-21_backup/_SUCCESS",
        "dt=2026-13-45/_SUCCESS",
        "dt=20261120/_SUCCESS",
        "dt=tmp/_SUCCESS",
        "dt=_SUCCESS",
    ):
        s3.write(f"{s3_url}/org_day/{name}", b"")
    assert archive.complete_days(s3_url, "org_day") == {date(2026, 11, 24)}
