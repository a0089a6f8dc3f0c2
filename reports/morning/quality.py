"""How the night went, read from the ledgers: what came in, what was refused, how long.

Of several rows for one thing the latest counts, as everywhere in `ops`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from loaders import ledger
from loaders.salesforce.ledger import WITHDRAWN
from loaders.warehouse import Connection

SLOWEST = 5
SHOWN_REASONS = 12
SHOWN_CODES = 3
# How a sync ends that leaves nothing over.
COMPLETE_SYNCS = ("success", "superseded", "rolled_back")

Row = dict[str, Any]


@dataclass(frozen=True)
class Quality:
    """A night's own figures; `figures` are those of `nightshift status`.

    `warned` has the models whose tests warned, each with what these said.
    """

    figures: Row
    usual_lines: dict[str, float]
    reasons: Sequence[Row]
    late: Sequence[Row]
    slowest: Sequence[Row]
    warned: Mapping[str, str]
    refusals: Sequence[Row]

    @property
    def lines(self) -> int:
        """Lines read of all sources."""
        return sum(load["lines"] for load in self.figures["loads"])

    @property
    def rejects(self) -> int:
        """Lines refused of all sources."""
        return sum(load["rejects"] for load in self.figures["loads"])

    def share_of_usual(self, source: str) -> float | None:
        """Return today's lines as a share of a usual day's, where one is known."""
        usual = self.usual_lines.get(source)
        lines = next(
            load["lines"] for load in self.figures["loads"] if load["source"] == source
        )
        return lines / usual if usual else None


@dataclass(frozen=True)
class Step:
    """What somebody should do, and the line to type."""

    what: str
    command: str


@dataclass(frozen=True)
class Verdict:
    """Last night in one line, and what somebody should do, if anything."""

    is_green: bool
    line: str
    todo: Sequence[Step]


def verdict(quality: Quality, data_date: date) -> Verdict:
    """Say how the night went: all is well, or what is wrong and what to do."""
    figures, sync = quality.figures, quality.figures["salesforce"]
    models = figures["models"]
    again = f"nightshift run --date {data_date}"
    wrong: list[str] = []
    todo: list[Step] = []
    if models["failed"]:
        wrong.append(f"{_counted(models['failed'], 'model')} failed")
        todo.append(Step("Mend what failed, then run the night again", again))
    if not sync:
        wrong.append("Salesforce has not been sent this night's values")
        todo.append(Step("Send them", again))
    elif sync["status"] not in COMPLETE_SYNCS:
        wrong.append(
            f"Salesforce does not take {_counted(sync['rejected'], 'org')}"
            if sync["rejected"]
            else f"the sync to Salesforce ended as “{sync['status']}”"
        )
        todo.append(Step("See which and why", "nightshift salesforce rejects"))
    if quality.warned:
        told = (f"{model} ({said})" for model, said in quality.warned.items())
        wrong.append(f"tests warned on {', '.join(told)}")
        command = f"dbt test --select {' '.join(quality.warned)}"
        todo.append(Step("Look at what they found", command))
    if wrong:
        line = "; ".join(wrong)
        return Verdict(False, f"{line[0].upper()}{line[1:]}.", todo)
    refused = f", {quality.rejects:,} refused" if quality.rejects else ""
    sent = f"{sync['sent']:,} sent to Salesforce, {sync['unchanged']:,} unchanged there"
    return Verdict(
        True,
        f"All is well: {quality.lines:,} lines loaded{refused}, "
        f"{_counted(models['done'], 'model')} built, "
        f"{_counted(models['tests'], 'test')} passed, "
        f"{_counted(figures['archives'], 'dataset')} archived, {sent}.",
        [],
    )


def read_quality(
    connection: Connection,
    data_date: date,
    *,
    env: str,
    version: str,
    usual_days: int,
) -> Quality:
    """Read the ledgers' word on one night."""
    mine = [data_date, env, version]
    return Quality(
        figures=ledger.night_figures(connection, data_date, env=env, version=version),
        usual_lines=_usual_lines(connection, data_date, usual_days),
        reasons=_reasons(connection, data_date),
        late=_late(connection, data_date, env=env, version=version),
        slowest=_slowest(connection, mine),
        warned=_warned(connection, mine),
        refusals=_refusals(connection, mine),
    )


def _usual_lines(
    connection: Connection, data_date: date, usual_days: int
) -> dict[str, float]:
    rows = connection.fetch_all(
        "-- reports.morning usual lines\n"
        "select source, avg(cast(lines as double precision)) from ("
        "select source, dt, lines, row_number() over ("
        "partition by source, dt order by finished_at desc) as recency "
        f"from {connection.table('ops', 'loads')} "
        "where dt between ? and ? and status != ?) as loads "
        "where recency = 1 group by 1",
        [
            data_date - timedelta(days=usual_days),
            data_date - timedelta(days=1),
            ledger.RERUN,
        ],
    )
    return {source: float(lines) for source, lines in rows}


def _reasons(connection: Connection, data_date: date) -> list[Row]:
    """Count the refused lines of the partitions' latest loads by reason."""
    rows = connection.fetch_all(
        "-- reports.morning reasons\n"
        "select rejects.source, rejects.reason, count(*) as lines, "
        "count(distinct rejects.object_key) as objects "
        f"from {connection.table('ops', 'load_rejects')} as rejects "
        "inner join (select load_id, row_number() over ("
        "partition by source order by finished_at desc) as recency "
        f"from {connection.table('ops', 'loads')} where dt = ? and status != ?"
        ") as loads on rejects.load_id = loads.load_id and loads.recency = 1 "
        f"group by 1, 2 order by 3 desc, 1, 2 limit {SHOWN_REASONS}",
        [data_date, ledger.RERUN],
    )
    names = ("source", "reason", "lines", "objects")
    return [dict(zip(names, row, strict=True)) for row in rows]


def _late(
    connection: Connection, data_date: date, *, env: str, version: str
) -> list[Row]:
    """List earlier days that the night's own runs loaded again, with what changed."""
    loads = connection.table("ops", "loads")
    rows = connection.fetch_all(
        "-- reports.morning late partitions\n"
        "select source, dt, lines, lines_before, finished_at from ("
        "select source, dt, lines, finished_at, run_id, lag(lines) over ("
        "partition by source, dt order by finished_at) as lines_before "
        f"from {loads} where dt < ? and status != ?) as reloads "
        "where lines_before is not null and run_id in ("
        f"select run_id from {loads} where dt = ? and status != ? union "
        f"select run_id from {connection.table('ops', 'model_runs')} "
        "where data_date = ? and env = ? and version = ?) order by 2, 1",
        [*(data_date, ledger.RERUN) * 2, data_date, env, version],
    )
    names = ("source", "dt", "lines", "lines_before", "loaded_at")
    return [dict(zip(names, row, strict=True)) for row in rows]


def _slowest(connection: Connection, mine: list[object]) -> list[Row]:
    rows = connection.fetch_all(
        "-- reports.morning slowest models\n"
        f"select model, seconds, tests {_latest_runs(connection)} "
        f"order by seconds desc, model limit {SLOWEST}",
        mine,
    )
    names = ("model", "seconds", "tests")
    return [dict(zip(names, row, strict=True)) for row in rows]


def _warned(connection: Connection, mine: list[object]) -> dict[str, str]:
    rows = connection.fetch_all(
        "-- reports.morning warned tests\n"
        f"select model, message {_latest_runs(connection)} and tests_warned > 0 "
        "order by 1",
        mine,
    )
    return dict(rows)


def _latest_runs(connection: Connection) -> str:
    return (
        "from (select *, row_number() over ("
        "partition by model order by finished_at desc) as recency "
        f"from {connection.table('ops', 'model_runs')} where data_date = ? "
        f"and env = ? and version = ? and status = '{ledger.DONE}') as runs "
        "where recency = 1"
    )


def _refusals(connection: Connection, mine: list[object]) -> list[Row]:
    """Count what the night's latest sync was refused, by Salesforce's code."""
    rows = connection.fetch_all(
        "-- reports.morning refusals\n"
        "select rejects.code, count(distinct rejects.key) as orgs "
        f"from {connection.table('ops', 'salesforce_rejects')} as rejects "
        "inner join (select sync_id, row_number() over (order by finished_at desc) "
        f"as recency from {connection.table('ops', 'salesforce_syncs')} "
        "where data_date = ? and env = ? and version = ? "
        f"and status != '{ledger.RERUN}') as syncs "
        "on rejects.sync_id = syncs.sync_id and syncs.recency = 1 "
        f"where rejects.code != '{WITHDRAWN}' "
        f"group by 1 order by 2 desc, 1 limit {SHOWN_CODES}",
        mine,
    )
    return [{"code": code, "orgs": orgs} for code, orgs in rows]


def _counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
