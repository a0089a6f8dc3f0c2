"""Benchmarks of the Redshift emulator: a backfill on it, and the cost of its relay.

The relay is compared with psql on the socket of the PostgreSQL server behind it.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median

import boto3

from tests.bench.measurement import Measurement, measure
from tests.bench.report import Comparison
from tests.emulators import up
from tests.emulators.demo import WORLD
from tests.emulators.redshift.postgres import SUPERUSER
from tests.emulators.sample.write import write_to_folder
from tests.nightly.project import NIGHTSHIFT, Project, copy_to
from tests.nightly.s3_objects import upload_partitions

ROWS = 1_000_000
REPEATS = 3
SOURCE_TABLE = "bench_rows"
COLUMNS = "n, n % 1000 as org_id, 'event ' || n as event, n * 0.25 as amount"
CREATE_SOURCE = f"""create table {SOURCE_TABLE} as select {COLUMNS} from (
select row_number() over () as n from thousand as a cross join thousand as b) as n"""
COPY_TABLE = "copied_rows"
COPY_COLUMNS = "(n bigint, org_id bigint, event varchar(40), amount numeric(18,2))"
PSQL = "psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --dbname dev"


def redshift_emulator() -> Iterator[Comparison]:
    """Compare the demo's backfill with DuckDB, then the relay with PostgreSQL."""
    yield from _backfills()
    yield from _relay()


def _backfills() -> Iterator[Comparison]:
    with tempfile.TemporaryDirectory(prefix="nightshift-bench-") as name:
        write_to_folder(WORLD, Path(name) / "raw")
        redshift = _backfill(Path(name), "redshift", ("redshift",))
        duckdb = _backfill(Path(name), "duckdb", ())
    yield Comparison(
        f"backfill of the demo's {WORLD.days} days on the Redshift emulator",
        "s",
        redshift.seconds,
        duckdb.seconds,
        "the same on DuckDB",
    )


def _backfill(folder: Path, engine: str, components: tuple[str, ...]) -> Measurement:
    """Measure a backfill of the partitions in `folder` on one warehouse."""
    components = ("s3", "smtp", "salesforce", *components)
    with up.running(*components, data=folder / engine / "emulators") as emulators:
        project = copy_to(folder / engine / "project", emulators.environment)
        upload_partitions(project, folder / "raw")
        return _measure_backfill(project)


def _measure_backfill(project: Project) -> Measurement:
    command = [sys.executable, "-c", NIGHTSHIFT, "backfill"]
    command += ["--from", str(WORLD.first_date), "--to", str(WORLD.until)]
    # Exit code 2 is a finished run with rows that Salesforce rejected.
    shell = ["sh", "-c", '"$@" || [ $? -eq 2 ]', "sh"]
    environment = project.environment_with()
    return measure([*shell, *command], folder=project.folder, environment=environment)


def _relay() -> Iterator[Comparison]:
    with tempfile.TemporaryDirectory(prefix="nightshift-bench-") as name:
        folder = Path(name)
        with up.running("s3", "redshift", data=folder) as emulators:
            relay = _psql_environment(emulators.environment)
            direct = {**relay, "PGHOST": str(folder / "redshift" / "postgres")}
            direct |= {"PGUSER": SUPERUSER, "PGPORT": "5432"}
            _psql("create table thousand (n int)", folder, direct)
            _psql(
                "insert into thousand select generate_series(1, 1000)", folder, direct
            )
            _psql(f"set search_path to public; {CREATE_SOURCE}", folder, relay)
            _psql(f"create table {COPY_TABLE} {COPY_COLUMNS}", folder, relay)
            export = f"\\copy (select * from {SOURCE_TABLE}) to 'rows.csv' with csv"
            _psql(export, folder, direct)
            _upload_rows(folder / "rows.csv", emulators.environment)
            yield _compare_select(folder, relay, direct)
            yield _compare_copy(folder, relay, direct)


def _compare_select(
    folder: Path, relay: Mapping[str, str], direct: Mapping[str, str]
) -> Comparison:
    query = f"select * from {SOURCE_TABLE}"
    through_relay, through_socket = [], []
    for _ in range(REPEATS):
        through_relay.append(_psql(query, folder, relay).seconds)
        through_socket.append(_psql(query, folder, direct).seconds)
    return Comparison(
        f"{ROWS:,} rows read through the relay with psql",
        "s",
        median(through_relay),
        median(through_socket),
        "psql on the PostgreSQL server behind it",
    )


def _compare_copy(
    folder: Path, relay: Mapping[str, str], direct: Mapping[str, str]
) -> Comparison:
    role = relay["NIGHTSHIFT_COPY_IAM_ROLE"]
    copy = f"copy {COPY_TABLE} from 's3://nightshift-raw/bench/' iam_role '{role}' csv"
    local_copy = f"\\copy {COPY_TABLE} from 'rows.csv' with csv"
    from_s3, from_file = [], []
    for _ in range(REPEATS):
        _psql(f"truncate {COPY_TABLE}", folder, relay)
        from_s3.append(_psql(copy, folder, relay).seconds)
        _psql(f"truncate {COPY_TABLE}", folder, direct)
        from_file.append(_psql(local_copy, folder, direct).seconds)
    return Comparison(
        f"{ROWS:,} rows loaded by the emulator's COPY from S3",
        "s",
        median(from_s3),
        median(from_file),
        "psql's \\copy of a local file into the same PostgreSQL",
    )


def _psql_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment in which psql connects to the relay."""
    return {
        **environment,
        "PATH": str(Path(shutil.which("psql") or "psql").parent),
        "PGHOST": environment["NIGHTSHIFT_REDSHIFT_HOST"],
        "PGPORT": environment["NIGHTSHIFT_REDSHIFT_PORT"],
        "PGUSER": environment["NIGHTSHIFT_REDSHIFT_USER"],
        "PGPASSWORD": environment["NIGHTSHIFT_REDSHIFT_PASSWORD"],
        "PGSSLMODE": "disable",
    }


def _psql(statement: str, folder: Path, environment: Mapping[str, str]) -> Measurement:
    command = [*PSQL.split(), "--output", "/dev/null", "--command", statement]
    return measure(command, folder=folder, environment=dict(environment))


def _upload_rows(path: Path, environment: Mapping[str, str]) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL_S3"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_REGION"],
    )
    client.upload_file(str(path), "nightshift-raw", "bench/rows.csv")
