"""A whole night on a cluster leaves what it leaves on one machine, value by value."""

import io
import json
from collections.abc import Sequence
from typing import Any

import pyarrow.parquet
import pytest
import yaml

from tests.nightly.deliveries import client, listing, place
from tests.nightly.project import Project
from tests.redshift.conftest import WORLD, Nights, OnCluster
from tests.reference import MART_KEYS, differences, expected, read_world

# What each ledger says of a night, times and names of runs aside, and failures that
# other tests bring about. Line numbers are what a cluster cannot tell of most lines.
LEDGERS = {
    "loads": "source, dt, fingerprint, objects, lines, rows_loaded, rejects, bytes",
    "load_objects": "source, dt, object_key, size_bytes, etag, lines, rejects",
    "load_rejects": "source, dt, object_key, reason, line",
    "model_runs": "model, data_date, input_fingerprint, status",
    "archives": 'dataset, dt, version, files, "rows"',
    "salesforce_syncs": "data_date, sent, accepted, rejected, unchanged, status",
}
SHOWN = 10

# The first test waits for both nights.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def require_same(
    name: str, wanted: list[dict[str, Any]], found: list[dict[str, Any]]
) -> None:
    """Fail with the first rows that one side lacks."""
    left, right = _sorted(wanted), _sorted(found)
    lacking = [row for row in left if row not in right][:SHOWN]
    more = [row for row in right if row not in left][:SHOWN]
    assert left == right, f"{name}\nonly embedded: {lacking}\nonly cluster: {more}"


def _sorted(rows: Sequence[dict[str, Any]]) -> list[str]:
    return sorted(
        json.dumps({key: _plain(row[key]) for key in sorted(row)}, default=str)
        for row in rows
    )


def _plain(value: object) -> object:
    """Numbers of any type are equal when they are to nine digits."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    try:
        return f"{float(value):.9g}"  # type: ignore[arg-type]
    except TypeError:
        return str(value)


def test_every_mart_is_what_the_raw_lines_say(
    nights: Nights, on_cluster: OnCluster
) -> None:
    wanted = expected(read_world(nights.raw), data_date=WORLD.until, nights=WORLD.dates)
    told = [
        f"{mart}: {line}"
        for mart, key in MART_KEYS.items()
        for line in differences(
            getattr(wanted, mart),
            on_cluster.rows(f"select * from {{}}marts.{mart}"),
            key=key,
        )[:SHOWN]
    ]
    assert not told, "\n".join(told)
    assert wanted.fct_org_day


def test_every_relation_is_equal_on_both(nights: Nights, on_cluster: OnCluster) -> None:
    local = nights.local
    names = local.rows(
        "select table_schema, table_name from information_schema.tables "
        "where table_schema in ('marts', 'intermediate', 'staging') "
        "and table_name not like 'raw_%' and table_name not like '%__dbt_tmp'"
    )
    assert len(names) > 30
    for name in names:
        schema, table = name["table_schema"], name["table_name"]
        require_same(
            table,
            local.rows(f"select * from {schema}.{table}"),
            on_cluster.rows(f"select * from {{}}{schema}.{table}"),
        )


def test_every_column_of_a_table_has_the_type_and_length_that_its_contract_says(
    nights: Nights, on_cluster: OnCluster
) -> None:
    found = {
        (row["table_name"], row["column_name"]): _declared(row)
        for row in on_cluster.rows(
            "select table_name, column_name, data_type, character_maximum_length, "
            "numeric_precision, numeric_scale from information_schema.columns "
            "where table_schema = '{}marts'"
        )
    }
    wanted = {
        (model["name"], column["name"]): column["data_type"]
        for path in sorted((nights.cluster.folder / "models").rglob("_*__models.yml"))
        for model in yaml.safe_load(path.read_text(encoding="utf-8"))["models"]
        for column in model.get("columns", ())
        if "data_type" in column and (model["name"], column["name"]) in found
    }
    assert len(wanted) > 100
    assert {key: found[key] for key in wanted} == wanted


def _declared(row: dict[str, Any]) -> str:
    kind = row["data_type"].removesuffix(" without time zone")
    if kind == "character varying":
        return f"varchar({row['character_maximum_length']})"
    if kind == "numeric":
        return f"numeric({row['numeric_precision']}, {row['numeric_scale']})"
    return str(kind)


@pytest.mark.parametrize("ledger", sorted(LEDGERS))
def test_every_ledger_is_equal_on_both(
    nights: Nights, on_cluster: OnCluster, ledger: str
) -> None:
    columns = LEDGERS[ledger]
    kind = "select distinct" if ledger == "model_runs" else "select"
    kept = "where status = 'success'" if ledger == "model_runs" else ""
    wanted = nights.local.rows(f"{kind} {columns} from ops.{ledger} {kept}")
    found = on_cluster.rows(f"{kind} {columns} from {{}}ops.{ledger} {kept}")
    assert wanted
    require_same(ledger, wanted, found)


def test_archives_hold_the_same_rows(nights: Nights) -> None:
    archives = [_archive(project) for project in (nights.local, nights.cluster)]
    assert archives[0].keys() == archives[1].keys()
    assert len(archives[0]) == 4 * len(WORLD.dates)
    for partition, rows in archives[0].items():
        require_same(partition, rows, archives[1][partition])


def test_a_finished_night_has_nothing_to_do(
    nights: Nights,
) -> None:
    told = nights.cluster.nightshift("plan", "--date", WORLD.until)
    assert "Nothing to do" in told.require(0).out


def test_doctor_finds_the_cluster_well(nights: Nights) -> None:
    checks = nights.cluster.nightshift("doctor", "--json").require(0).json["checks"]
    told = {check["name"]: check["told"] for check in checks}
    assert told["warehouse"].startswith("127.0.0.1/dev")


@pytest.mark.parametrize(
    "command",
    [
        ("status",),
        ("explain-org", "{org}", "--date", WORLD.until),
        ("report", "--date", WORLD.until),
        ("salesforce", "diff"),
        ("salesforce", "history", "{org}"),
        ("salesforce", "rejects"),
    ],
)
def test_every_command_answers_as_on_one_machine(
    nights: Nights, command: tuple[object, ...]
) -> None:
    """Exit codes alone: the answers name the warehouse and the time."""
    org = nights.local.rows("select min(org_id) as org from marts.fct_org_day")[0]
    words = [str(word).format(**org) for word in command]
    codes = {
        name: project.nightshift(*words, "--json").code
        for name, project in (("local", nights.local), ("cluster", nights.cluster))
    }
    assert codes["cluster"] == codes["local"]
    assert codes["local"] in (0, 2)


def _archive(project: Project) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of every finished partition, by its name."""
    s3 = client(project)
    found: dict[str, list[dict[str, Any]]] = {}
    names = listing(project, f"{project.archive_url}/")
    bucket, prefix = place(project.archive_url)
    for name in names:
        folder, _, file = name.rpartition("/")
        assert f"{folder}/_SUCCESS" in names, f"{folder} is not finished"
        _, _, without_env = folder.strip("/").partition("/")
        if "/report/" in folder:
            continue  # a page, no dataset
        rows = found.setdefault(without_env, [])
        if file.endswith(".parquet"):
            body = s3.get_object(Bucket=bucket, Key=f"{prefix}/{name}")["Body"].read()
            rows += pyarrow.parquet.read_table(io.BytesIO(body)).to_pylist()
    return found
