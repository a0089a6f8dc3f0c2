"""The result of a run for its readers: whether the data is complete and as usual.

What on-call needs beyond that, such as rejects by reason, is on the history page. If a
ledger has several rows for one source, model or sync, the latest one is used.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from loaders import ledger
from loaders.config.salesforce_mapping import SALESFORCE_OBJECT
from loaders.warehouse import Connection
from reports.morning.baseline import UNKNOWN, USUAL, Baseline, read_baseline
from reports.morning.names import single_line

# Statuses of a sync that needs no further action.
COMPLETE_SYNC_STATUSES = ("success", "superseded", "rolled_back")
MAX_WARNINGS = 3
MAX_WARNING_LENGTH = 120

Row = dict[str, Any]


@dataclass(frozen=True)
class Quality:
    """The loads and tests of one run, and the baseline of its weekday.

    `figures` are those of `nightshift status`. `test_warnings` maps models to messages.
    """

    figures: Row
    baseline: Baseline
    test_warnings: Mapping[str, str]

    @property
    def records(self) -> int:
        """Number of records read from all sources."""
        return sum(load["lines"] for load in self.figures["loads"])

    @property
    def rejects(self) -> int:
        """Number of records rejected in all sources."""
        return sum(load["rejects"] for load in self.figures["loads"])

    @property
    def volume(self) -> str:
        """The records read and rejected, each with a word whether that is usual."""
        loads = self.figures["loads"]
        if not loads:
            return "No source was loaded."
        text = (
            f"{_count_of(self.records, 'record')} of {_count_of(len(loads), 'source')}"
        )
        words = {
            load["source"]: self.baseline.records_word(load["source"], load["lines"])
            for load in loads
        }
        text += _described(words, self._shares())
        if not self.rejects:
            return f"{text}. None rejected."
        words = {
            load["source"]: self.baseline.rejects_word(load["source"], load["rejects"])
            for load in loads
        }
        return f"{text}. {self.rejects:,} rejected{_described(words, self._rejects())}."

    def _shares(self) -> dict[str, str]:
        """Return each source's records as a percentage of its baseline."""
        ratios = {
            load["source"]: self.baseline.ratio(load["source"], load["lines"])
            for load in self.figures["loads"]
        }
        return {
            source: f"{ratio:.0%}"
            for source, ratio in ratios.items()
            if ratio is not None
        }

    def _rejects(self) -> dict[str, str]:
        return {
            load["source"]: f"{load['rejects']:,}, usually "
            f"{self.baseline.rejects.get(load['source'], 0):,.0f}"
            for load in self.figures["loads"]
        }


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
        problems.append(f"tests warned on {', '.join(_warnings(quality))}")
        models = (
            quality.test_warnings if len(quality.test_warnings) <= MAX_WARNINGS else ()
        )
        selection = f" --select {' '.join(models)}" if models else ""
        actions.append(Action("Investigate the test warnings", f"dbt test{selection}"))
    if problems:
        details = "; ".join(problems)
        return RunSummary(False, f"{details[0].upper()}{details[1:]}.", actions)
    return RunSummary(True, f"{quality.volume} {_sent(quality)}", [])


def read_quality(
    connection: Connection, data_date: date, *, env: str, version: str
) -> Quality:
    """Read the figures of a data date's run from the ledgers."""
    return Quality(
        figures=ledger.data_date_figures(
            connection, data_date, env=env, version=version
        ),
        baseline=read_baseline(connection, data_date),
        test_warnings=_read_test_warnings(connection, [data_date, env, version]),
    )


def _described(words: Mapping[str, str], details: Mapping[str, str]) -> str:
    """Return `, as usual`, or the sources that are unusual with their details."""
    known = {source: word for source, word in words.items() if word != UNKNOWN}
    if not known:
        return ""
    unusual = [source for source, word in known.items() if word != USUAL]
    if not unusual:
        return f", {USUAL}"
    parts = [f"{source} {known[source]} ({details[source]})" for source in unusual]
    return f", {', '.join(parts)}"


def _warnings(quality: Quality) -> Iterator[str]:
    for number, (model, message) in enumerate(quality.test_warnings.items()):
        if number == MAX_WARNINGS:
            yield f"{len(quality.test_warnings) - number} more"
            return
        yield f"{model} ({single_line(message, max_length=MAX_WARNING_LENGTH)})"


def _sent(quality: Quality) -> str:
    sync = quality.figures["salesforce"]
    return (
        f"{sync['sent']:,} sent to Salesforce, {sync['unchanged']:,} unchanged there"
        f"{''.join(_other_syncs(quality))}."
    )


def _other_syncs(quality: Quality) -> Iterator[str]:
    """Yield what was sent to other objects, and the rejects that need no action."""
    for name, sync in quality.figures["salesforce_objects"].items():
        if name != SALESFORCE_OBJECT:
            yield f", {sync['sent']:,} sent to {name}, {sync['unmatched']:,} unmatched"
        if known := sync["known_rejects"]:
            yield f", {known:,} permanently rejected by {name} as before"


def _read_test_warnings(
    connection: Connection, run_key: list[object]
) -> dict[str, str]:
    """Return the messages of each model whose latest successful run has warnings."""
    rows = connection.fetch_all(
        "-- reports.morning.quality test warnings\n"
        "select model, message from (select *, row_number() over ("
        "partition by model order by finished_at desc) as recency "
        f"from {connection.table('ops', 'model_runs')} where data_date = ? "
        f"and env = ? and version = ? and status = '{ledger.SUCCESS}') as runs "
        "where recency = 1 and tests_warned > 0 order by 1",
        run_key,
    )
    return dict(rows)


def _count_of(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
