"""The result of a run, read from the ledgers: loads, rejects, tests and durations.

If a ledger has several rows for one source, model or sync, the latest one is used.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from loaders import ledger
from loaders.config.salesforce_mapping import SALESFORCE_OBJECT
from loaders.ledger.rejects import CAN_BE_LOCATED
from loaders.ledger.salesforce import WITHDRAWN
from loaders.warehouse import Connection

MAX_SLOWEST_MODELS = 5
MAX_REJECT_REASONS = 12
MAX_SALESFORCE_CODES = 3
# Statuses of a sync that needs no further action.
COMPLETE_SYNC_STATUSES = ("success", "superseded", "rolled_back")

Row = dict[str, Any]


@dataclass(frozen=True)
class Quality:
    """The loads, tests, timings and rejects of one run.

    `figures` are those of `nightshift status`. `baseline_records` has each source's
    mean records per day before the data date. `test_warnings` maps models to messages.
    """

    figures: Row
    baseline_records: Mapping[str, float]
    reject_reasons: Sequence[Row]
    reloads: Sequence[Row]
    slowest_models: Sequence[Row]
    test_warnings: Mapping[str, str]
    salesforce_rejects: Sequence[Row]

    @property
    def records(self) -> int:
        """Number of records read from all sources."""
        return sum(load["lines"] for load in self.figures["loads"])

    @property
    def rejects(self) -> int:
        """Number of records rejected in all sources."""
        return sum(load["rejects"] for load in self.figures["loads"])

    @property
    def not_located(self) -> int:
        """Number of rejected records without object and line number."""
        return max((int(row["not_located"]) for row in self.reject_reasons), default=0)

    def ratio_to_baseline(self, source: str) -> float | None:
        """Return the source's records divided by its baseline; None without one."""
        baseline = self.baseline_records.get(source)
        records = next(
            load["lines"] for load in self.figures["loads"] if load["source"] == source
        )
        return records / baseline if baseline else None


@dataclass(frozen=True)
class Action:
    """What the reader should do, and the command to run."""

    description: str
    command: str


@dataclass(frozen=True)
class RunSummary:
    """The result of a run in one line, and the actions that it calls for."""

    succeeded: bool
    details: str
    actions: Sequence[Action]

    @property
    def headline(self) -> str:
        """The result in a word or two."""
        return "Succeeded" if self.succeeded else "Action required"


def summarize(quality: Quality, data_date: date) -> RunSummary:
    """Return what the run did, or what went wrong and how to fix it."""
    problems: list[str] = []
    actions: list[Action] = []
    sync = quality.figures["salesforce"]
    failed_models = quality.figures["models"]["failed"]
    run_command = f"nightshift run --date {data_date}"
    if failed_models:
        problems.append(f"{_count_of(failed_models, 'model')} failed")
        actions.append(Action("Fix the failure, then resume the run", run_command))
    if not sync:
        problems.append("nothing was sent to Salesforce for this data date")
        actions.append(Action("Run the Salesforce sync", run_command))
    for name, figures in quality.figures["salesforce_objects"].items():
        if figures["status"] in COMPLETE_SYNC_STATUSES:
            continue
        is_main = name == SALESFORCE_OBJECT
        noun = "org" if is_main else f"{name} record"
        problems.append(
            f"Salesforce rejected {_count_of(figures['rejected'], noun)}"
            if figures["rejected"]
            else f"the sync to {name} ended with status “{figures['status']}”"
        )
        command = "nightshift salesforce rejects"
        command += "" if is_main else f" --object {name}"
        actions.append(Action("See the rejected records", command))
    for drift in quality.figures.get("drift", ()):
        problems.append(f"{drift['object']}: {drift['message'].rstrip('.')}")
        actions.append(Action("Send these records again", drift["repair"]))
    if quality.test_warnings:
        warnings = (
            f"{model} ({message})" for model, message in quality.test_warnings.items()
        )
        problems.append(f"tests warned on {', '.join(warnings)}")
        actions.append(
            Action(
                "Investigate the test warnings",
                f"dbt test --select {' '.join(quality.test_warnings)}",
            )
        )
    if problems:
        details = "; ".join(problems)
        return RunSummary(False, f"{details[0].upper()}{details[1:]}.", actions)
    return RunSummary(True, _success_details(quality), [])


def read_quality(
    connection: Connection,
    data_date: date,
    *,
    env: str,
    version: str,
    baseline_days: int,
) -> Quality:
    """Read the figures of a data date's run from the ledgers."""
    run_key = [data_date, env, version]
    return Quality(
        figures=ledger.data_date_figures(
            connection, data_date, env=env, version=version
        ),
        baseline_records=_read_baseline_records(connection, data_date, baseline_days),
        reject_reasons=_read_reject_reasons(connection, data_date),
        reloads=_read_reloads(connection, data_date, env=env, version=version),
        slowest_models=_read_slowest_models(connection, run_key),
        test_warnings=_read_test_warnings(connection, run_key),
        salesforce_rejects=_read_salesforce_rejects(connection, run_key),
    )


def _success_details(quality: Quality) -> str:
    models, sync = quality.figures["models"], quality.figures["salesforce"]
    rejected = f", {quality.rejects:,} rejected" if quality.rejects else ""
    return (
        f"{quality.records:,} records read{rejected}, "
        f"{_count_of(models['done'], 'model')} built, "
        f"{_count_of(models['tests'], 'test')} passed, "
        f"{_count_of(quality.figures['archives'], 'dataset')} archived, "
        f"{sync['sent']:,} sent to Salesforce, {sync['unchanged']:,} unchanged there"
        f"{''.join(_other_syncs(quality))}."
    )


def _other_syncs(quality: Quality) -> Iterator[str]:
    """Yield what was sent to other objects than the trial metrics."""
    for name, sync in quality.figures["salesforce_objects"].items():
        if name != SALESFORCE_OBJECT:
            yield f", {sync['sent']:,} sent to {name}, {sync['unmatched']:,} unmatched"


def _read_baseline_records(
    connection: Connection, data_date: date, baseline_days: int
) -> dict[str, float]:
    """Return each source's mean records per day over the days before the data date."""
    rows = connection.fetch_all(
        "-- reports.morning.quality baseline\n"
        "select source, avg(cast(lines as double precision)) from ("
        "select source, dt, lines, row_number() over ("
        "partition by source, dt order by finished_at desc) as recency "
        f"from {connection.table('ops', 'loads')} "
        "where dt between ? and ? and status != ?) as loads "
        "where recency = 1 group by 1",
        [
            data_date - timedelta(days=baseline_days),
            data_date - timedelta(days=1),
            ledger.RERUN,
        ],
    )
    return {source: float(records) for source, records in rows}


def _read_reject_reasons(connection: Connection, data_date: date) -> list[Row]:
    """Count the rejected records of the latest loads by source and reason.

    `not_located` is the number of all of them that have no object and line number and
    can get them.
    """
    rows = connection.fetch_all(
        "-- reports.morning.quality reject reasons\n"
        "select rejects.source, rejects.reason, count(*) as records, "
        f"sum(sum(case when {CAN_BE_LOCATED} then 1 else 0 end)) over () "
        f"from {connection.table('ops', 'load_rejects')} as rejects "
        "inner join (select load_id, row_number() over ("
        "partition by source order by finished_at desc) as recency "
        f"from {connection.table('ops', 'loads')} where dt = ? and status != ?"
        ") as loads on rejects.load_id = loads.load_id and loads.recency = 1 "
        f"group by 1, 2 order by 3 desc, 1, 2 limit {MAX_REJECT_REASONS}",
        [data_date, ledger.RERUN],
    )
    names = ("source", "reason", "records", "not_located")
    return [dict(zip(names, row, strict=True)) for row in rows]


def _read_reloads(
    connection: Connection, data_date: date, *, env: str, version: str
) -> list[Row]:
    """List earlier partitions that runs of the data date reloaded."""
    loads = connection.table("ops", "loads")
    rows = connection.fetch_all(
        "-- reports.morning.quality reloads\n"
        "select source, dt, lines, lines_before from ("
        "select source, dt, lines, run_id, lag(lines) over ("
        "partition by source, dt order by finished_at) as lines_before "
        f"from {loads} where dt < ? and status != ?) as reloads "
        "where lines_before is not null and run_id in ("
        f"select run_id from {loads} where dt = ? and status != ? union "
        f"select run_id from {connection.table('ops', 'model_runs')} "
        "where data_date = ? and env = ? and version = ?) order by 2, 1",
        [*(data_date, ledger.RERUN) * 2, data_date, env, version],
    )
    names = ("source", "dt", "records", "records_before")
    return [dict(zip(names, row, strict=True)) for row in rows]


def _read_slowest_models(connection: Connection, run_key: list[object]) -> list[Row]:
    rows = connection.fetch_all(
        "-- reports.morning.quality slowest models\n"
        f"select model, seconds, tests {_from_latest_model_runs(connection)} "
        f"order by seconds desc, model limit {MAX_SLOWEST_MODELS}",
        run_key,
    )
    names = ("model", "seconds", "tests")
    return [dict(zip(names, row, strict=True)) for row in rows]


def _read_test_warnings(
    connection: Connection, run_key: list[object]
) -> dict[str, str]:
    rows = connection.fetch_all(
        "-- reports.morning.quality test warnings\n"
        f"select model, message {_from_latest_model_runs(connection)} "
        "and tests_warned > 0 order by 1",
        run_key,
    )
    return dict(rows)


def _from_latest_model_runs(connection: Connection) -> str:
    """Return a FROM clause over each model's latest successful run of a data date."""
    return (
        "from (select *, row_number() over ("
        "partition by model order by finished_at desc) as recency "
        f"from {connection.table('ops', 'model_runs')} where data_date = ? "
        f"and env = ? and version = ? and status = '{ledger.SUCCESS}') as runs "
        "where recency = 1"
    )


def _read_salesforce_rejects(
    connection: Connection, run_key: list[object]
) -> list[Row]:
    """Count the orgs that Salesforce rejected in the latest sync, by error code."""
    rows = connection.fetch_all(
        "-- reports.morning.quality salesforce rejects\n"
        "select rejects.code, count(distinct rejects.object || ' ' || rejects.key) "
        "as orgs "
        f"from {connection.table('ops', 'salesforce_rejects')} as rejects "
        "inner join (select sync_id, row_number() over ("
        "partition by object order by finished_at desc) "
        f"as recency from {connection.table('ops', 'salesforce_syncs')} "
        "where data_date = ? and env = ? and version = ? "
        f"and status != '{ledger.RERUN}') as syncs "
        "on rejects.sync_id = syncs.sync_id and syncs.recency = 1 "
        f"where rejects.code != '{WITHDRAWN}' "
        f"group by 1 order by 2 desc, 1 limit {MAX_SALESFORCE_CODES}",
        run_key,
    )
    return [{"code": code, "orgs": orgs} for code, orgs in rows]


def _count_of(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
