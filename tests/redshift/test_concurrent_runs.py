"""Runs of two dates at once, on two hosts, have the results of one after the other."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.emulators import up
from tests.emulators.sample.world import World
from tests.emulators.sample.write import write_to_folder
from tests.nightly import salesforce_records
from tests.nightly.assertions import assert_marts_match_reference
from tests.nightly.project import copy_to
from tests.nightly.s3_objects import upload_partitions
from tests.nightly.template import unique_prefixes
from tests.redshift.conftest import SMALL_WORLD
from tests.redshift.project import RedshiftProject

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

WORKERS = ("--workers", 4)
# Exit code 2 is a finished run with rows that Salesforce rejected.
FINISHED = (0, 2)


@contextmanager
def two_hosts(
    folder: Path, shared_environment: dict[str, str], isolation: str
) -> Iterator[tuple[RedshiftProject, RedshiftProject]]:
    """Yield two copies of the project with the same S3, Redshift and Salesforce."""
    s3_url = shared_environment["AWS_ENDPOINT_URL_S3"]
    extra = ("--s3", s3_url, "--isolation", isolation)
    with up.running(
        "salesforce", "redshift", data=folder / "emulators", extra=extra
    ) as started:
        environment = {
            **shared_environment,
            **unique_prefixes(shared_environment),
            **started.environment,
            "NIGHTSHIFT_REDSHIFT_SCHEMA": "night",
        }
        first = copy_to(folder / "first", environment)
        second = copy_to(folder / "second", environment)
        yield (
            RedshiftProject(first.folder, environment),
            RedshiftProject(second.folder, environment),
        )


@pytest.mark.parametrize("isolation", ["serializable"])
def test_runs_of_two_dates_at_once_match_the_reference(
    shared_emulators: dict[str, str], isolation: str
) -> None:
    world: World = SMALL_WORLD
    *history, first_date, second_date = world.dates
    # Not in pytest's folders, which the user that PostgreSQL runs as cannot enter.
    with TemporaryDirectory(prefix="nightshift-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        write_to_folder(world, folder / "raw")
        with two_hosts(folder, shared_emulators, isolation) as (first, second):
            upload_partitions(first, folder / "raw")
            dates = ("--from", history[0], "--to", history[-1])
            assert first.nightshift("backfill", *dates).code in FINISHED
            with (
                first.start("run", "--date", first_date, *WORKERS) as one,
                second.start("run", "--date", second_date, *WORKERS) as other,
            ):
                outputs = [process.communicate()[0] for process in (one, other)]
            codes = (one.returncode, other.returncode)
            assert set(codes) <= set(FINISHED), "\n".join(outputs)
            # Each was planned when the other had ended, so nothing is left to do.
            for date in (first_date, second_date):
                assert first.plan(date) == []
            assert_marts_match_reference(
                first,
                folder / "raw",
                data_date=second_date,
                data_dates=world.dates,
            )
            salesforce_records.assert_records_match_mart(first)
            runs = first.rows(
                "select runs.run_id, runs.finished_at, min(loads.started_at) as loaded "
                "from ops.runs as runs inner join ops.loads as loads "
                "on loads.run_id = runs.run_id group by 1, 2 order by 2"
            )
            assert len(runs) == 3
            assert all(
                earlier["finished_at"] <= later["loaded"]
                for earlier, later in pairwise(runs)
            )
