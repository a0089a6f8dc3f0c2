"""The stand-in for a cluster: a night on it, and what its relay costs.

The relay is held against psql at the socket of the PostgreSQL behind it: the same rows,
the same server, no relay between.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import boto3

from tests.bench.measuring import Spent, spent
from tests.bench.report import Pair, middle
from tests.emulators import up
from tests.emulators.demo import WORLD
from tests.emulators.redshift.postgres import SUPERUSER
from tests.emulators.sample.write import write_to_folder
from tests.nightly.deliveries import deliver
from tests.nightly.project import NIGHTSHIFT, Project, copy_to

ROWS = 1_000_000
TURNS = 3
TABLE = "bench_rows"
COLUMNS = "n, n % 1000 as org_id, 'event ' || n as event, n * 0.25 as amount"
FILL = f"""create table {TABLE} as select {COLUMNS} from (
select row_number() over () as n from thousand as a cross join thousand as b) as n"""
COPIED = "copied_rows"
LAYOUT = "(n bigint, org_id bigint, event varchar(40), amount numeric(18,2))"
PSQL = "psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --dbname dev"


def stand_in() -> Iterator[Pair]:
    """Measure the demo's nights on both warehouses, then the relay alone."""
    yield from _nights()
    yield from _relay()


def _nights() -> Iterator[Pair]:
    found: dict[str, Spent] = {}
    with tempfile.TemporaryDirectory(prefix="nightshift-bench-") as name:
        write_to_folder(WORLD, Path(name) / "raw")
        for engine, more in (("stand-in", ("redshift",)), ("DuckDB", ())):
            place = Path(name) / engine
            parts = ("s3", "smtp", "salesforce", *more)
            with up.running(*parts, data=place / "stack") as stack:
                project = copy_to(place / "project", stack.environment)
                deliver(project, Path(name) / "raw")
                found[engine] = _backfill(project)
    yield Pair(
        f"the demo's {WORLD.days} nights in one backfill, on the stand-in",
        "s",
        found["stand-in"].seconds,
        found["DuckDB"].seconds,
        "the same on DuckDB",
        "",
    )


def _backfill(project: Project) -> Spent:
    command = [sys.executable, "-c", NIGHTSHIFT, "backfill"]
    command += ["--from", str(WORLD.first), "--to", str(WORLD.until)]
    # 2 is a night that is done, but for rows that Salesforce refused.
    ending = ["sh", "-c", '"$@" || [ $? -eq 2 ]', "sh"]
    environment = project.environment_with()
    return spent([*ending, *command], folder=project.folder, environment=environment)


def _relay() -> Iterator[Pair]:
    with tempfile.TemporaryDirectory(prefix="nightshift-bench-") as name:
        folder = Path(name)
        with up.running("s3", "redshift", data=folder) as stack:
            environment = _to_the_relay(stack.environment)
            direct = {**environment, "PGHOST": str(folder / "redshift" / "postgres")}
            direct |= {"PGUSER": SUPERUSER, "PGPORT": "5432"}
            _psql("create table thousand (n int)", folder, direct)
            _psql(
                "insert into thousand select generate_series(1, 1000)", folder, direct
            )
            _psql(f"set search_path to public; {FILL}", folder, environment)
            _psql(f"create table {COPIED} {LAYOUT}", folder, environment)
            read = f"\\copy (select * from {TABLE}) to 'direct.csv' with csv"
            _psql(read, folder, direct)
            _put(folder / "direct.csv", stack.environment)
            yield _reading(folder, environment, direct)
            yield _copying(folder, environment, direct)


def _reading(folder: Path, relay: Mapping[str, str], direct: Mapping[str, str]) -> Pair:
    query = f"select * from {TABLE}"
    runs = [
        (_psql(query, folder, relay), _psql(query, folder, direct))
        for _ in range(TURNS)
    ]
    return Pair(
        f"{ROWS:,} rows read through the relay with psql",
        "s",
        middle(ours.seconds for ours, _ in runs),
        middle(theirs.seconds for _, theirs in runs),
        "psql at the PostgreSQL behind it",
        "",
    )


def _copying(folder: Path, relay: Mapping[str, str], direct: Mapping[str, str]) -> Pair:
    role = relay["NIGHTSHIFT_COPY_IAM_ROLE"]
    ours = f"copy {COPIED} from 's3://nightshift-raw/bench/' iam_role '{role}' csv"
    theirs = f"\\copy {COPIED} from 'direct.csv' with csv"
    runs = []
    for _ in range(TURNS):
        _psql(f"truncate {COPIED}", folder, relay)
        through = _psql(ours, folder, relay)
        _psql(f"truncate {COPIED}", folder, direct)
        runs.append((through, _psql(theirs, folder, direct)))
    return Pair(
        f"{ROWS:,} rows by the relay's COPY from S3",
        "s",
        middle(ours.seconds for ours, _ in runs),
        middle(theirs.seconds for _, theirs in runs),
        "psql's \\copy of a local file into the same PostgreSQL",
        "",
    )


def _to_the_relay(stack: Mapping[str, str]) -> dict[str, str]:
    return {
        **stack,
        "PATH": str(Path(shutil.which("psql") or "psql").parent),
        "PGHOST": stack["NIGHTSHIFT_REDSHIFT_HOST"],
        "PGPORT": stack["NIGHTSHIFT_REDSHIFT_PORT"],
        "PGUSER": stack["NIGHTSHIFT_REDSHIFT_USER"],
        "PGPASSWORD": stack["NIGHTSHIFT_REDSHIFT_PASSWORD"],
        "PGSSLMODE": "disable",
    }


def _psql(statement: str, folder: Path, environment: Mapping[str, str]) -> Spent:
    command = [*PSQL.split(), "--output", "/dev/null", "--command", statement]
    return spent(command, folder=folder, environment=dict(environment))


def _put(path: Path, environment: Mapping[str, str]) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL_S3"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_REGION"],
    )
    client.upload_file(str(path), "nightshift-raw", "bench/rows.csv")
