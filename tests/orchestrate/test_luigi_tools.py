"""Luigi's own tools: range tasks, names and graph in luigid, separate settings."""

import configparser
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import luigi
import luigi.cmdline_parser
import pytest
from luigi.parameter import ParameterVisibility

from loaders import ledger
from loaders.config.settings import PROJECT
from loaders.errors import ConfigError, DataError
from orchestrate.cli import luigid
from orchestrate.date_ranges import RangeDaily, RangeDailyBase
from orchestrate.dbt import graph
from orchestrate.nightly import Nightly
from orchestrate.planning import run_state, shared_records
from orchestrate.runs import scheduler
from orchestrate.tasks.archive import ArchiveDataset
from orchestrate.tasks.export import SyncTrialMetricsToSalesforce
from orchestrate.tasks.load import LoadRawTable, RawPartition
from orchestrate.tasks.outermost import outermost
from orchestrate.tasks.report import MailReport
from orchestrate.tasks.transform import DbtModel
from tests.orchestrate.ledger_history import DAY, make_graph

DONE = {DAY, DAY + timedelta(days=2)}
RANGE = ["--start", str(DAY), "--stop", str(DAY + timedelta(days=6))]


@pytest.fixture
def two_dates_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the runs of `DONE` be complete."""
    monkeypatch.setattr(Nightly, "has_ended", lambda task: task.data_date in DONE)
    monkeypatch.setattr(Nightly, "complete", lambda task: task.data_date in DONE)


def parse(*line: str) -> luigi.Task:
    with luigi.cmdline_parser.CmdlineParser.global_instance([*line]) as parser:
        return parser.get_task_obj()


@pytest.mark.usefixtures("two_dates_done")
@pytest.mark.parametrize("family", ["RangeDaily", "RangeDailyBase"])
@pytest.mark.parametrize("name", ["Nightly", "orchestrate.Nightly"])
@pytest.mark.parametrize(
    ("options", "first", "last"),
    [
        ([], 1, 5),
        (["--task-limit", "2"], 1, 3),
        (["--task-limit", "2", "--reverse"], 4, 5),
        (["--stop", str(DAY + timedelta(days=2))], 1, 1),
    ],
)
def test_range_is_one_run_of_all_incomplete_dates(
    family: str, name: str, options: list[str], first: int, last: int
) -> None:
    task = parse(family, "--of", name, *RANGE, "--days-back", "9999", *options)
    [run] = task.requires()
    assert isinstance(run, Nightly)
    assert run.data_date_from == DAY + timedelta(days=first)
    assert run.data_date == DAY + timedelta(days=last)


@pytest.mark.usefixtures("two_dates_done")
@pytest.mark.parametrize("task", [RangeDaily, RangeDailyBase])
def test_range_without_an_end_stops_yesterday(task: type[luigi.Task]) -> None:
    today = datetime.now(UTC).date()
    [run] = task(of=Nightly, start=today - timedelta(days=3)).requires()
    assert run.data_date == today - timedelta(days=1)
    day = datetime.combine(DAY, datetime.min.time())
    complete = task(of=Nightly, start=DAY, stop=DAY + timedelta(days=1), days_back=9999)
    assert complete.finite_datetimes(day, day + timedelta(days=1)) == [day]
    assert complete.requires() == []


def test_bulk_complete_takes_one_query(monkeypatch: pytest.MonkeyPatch) -> None:
    queries: list[str] = []

    def read(env: str, version: str) -> ledger.CompletionRecords:
        queries.append(env)
        return ledger.CompletionRecords()

    monkeypatch.setattr(shared_records, "read", read)
    monkeypatch.setattr(shared_records, "latest", lambda *_: None)
    monkeypatch.setattr(graph, "load", make_graph)
    monkeypatch.setenv("NIGHTSHIFT_RAW_URL", "s3://bucket/raw")
    monkeypatch.setattr(
        run_state.s3,
        "list_partitions",
        lambda url, source, first, last: {
            first + timedelta(days=n): run_state.s3.Partition(
                source, first + timedelta(days=n), url, (), False
            )
            for n in range((last - first).days + 1)
        },
    )
    run_state.clear_cache()
    run_state.settings.load.cache_clear()
    dates = [DAY + timedelta(days=n) for n in range(30)]
    assert Nightly.bulk_complete(dates) == []
    assert len(queries) == 1
    run_state.clear_cache()


class Step(luigi.Task):
    """A task of a small graph."""

    name = luigi.Parameter()
    needs = luigi.ListParameter(default=(), significant=False)
    state = luigi.Parameter(default="open", significant=False)

    def requires(self) -> Iterator[luigi.Task]:
        """Yield the steps that it needs."""
        for name in self.needs:
            yield Step(name=name)

    def complete(self) -> bool:
        """Return whether it is done."""
        if self.state == "broken":
            raise DataError("cannot be checked")
        return bool(self.state == "done")


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ("open open open open", "d"),
        ("done done done done", "d"),
        ("open done done done", "a d"),  # nothing that must run requires it
        ("open open done done", "b d"),
        ("open done done open", "a d"),
        ("broken done open done", "a c d"),
        ("broken open open broken", "b c d"),  # Luigi stops at one it cannot check
    ],
)
def test_gathering_task_requires_the_ends_and_what_only_complete_tasks_require(
    states: str, expected: str
) -> None:
    needs = {"a": (), "b": ("a",), "c": (), "d": ("b", "c")}
    tasks = [
        Step(name=name, needs=needs[name], state=state)
        for name, state in zip(needs, states.split(), strict=True)
    ]
    assert [task.name for task in outermost(tasks)] == expected.split()


RUN = {"data_date": DAY, "env": "prod", "version": "v1"}


@pytest.mark.parametrize(
    ("task", "shown"),
    [
        (
            DbtModel(**RUN, model="fct_org_day", scope="a,b"),
            "DbtModel.fct_org_day",
        ),
        (RawPartition(**RUN, source="orgs"), "RawPartition.orgs"),
        (
            LoadRawTable(**RUN, source="orgs", scope=f"{DAY}"),
            "LoadRawTable.orgs",
        ),
        (ArchiveDataset(**RUN, dataset="org_day"), "ArchiveDataset.org_day"),
        (SyncTrialMetricsToSalesforce(**RUN), "SyncTrialMetricsToSalesforce"),
        (MailReport(**RUN), "MailReport"),
        (Nightly(**RUN), "Nightly"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_luigid_shows_model_and_source_and_no_lists(
    task: luigi.Task, shown: str
) -> None:
    assert task.task_family == shown
    public = {
        name
        for name, parameter in task.get_params()
        if parameter.visibility == ParameterVisibility.PUBLIC
    }
    names = {"data_date", "env", "version", "model", "source", "dataset"}
    assert {"data_date", "env", "version"} <= public <= names
    # The id of a task in luigid does not depend on how it is shown.
    assert task.task_id.startswith(f"{type(task).__name__}_")


def read_config(name: str) -> configparser.RawConfigParser:
    config = configparser.RawConfigParser()
    config.read_string((PROJECT / name).read_text(encoding="utf-8"))
    return config


def test_settings_of_workers_do_not_change_the_scheduler() -> None:
    """Luigi's luigid reads luigi.cfg of its folder before its own file."""
    workers, central = read_config("luigi.cfg"), read_config("luigid.cfg")
    assert set(workers["scheduler"]) <= set(central["scheduler"])
    assert float(central["scheduler"]["retry_delay"]) < 0
    assert set(central.sections()) == {"scheduler", "task_history"}
    worker = read_config("luigi-central.cfg")
    assert set(worker.sections()) == {"core", "worker"}
    assert float(central["scheduler"]["worker_disconnect_delay"]) < float(
        worker["worker"]["max_keep_alive_idle_duration"].split()[0]
    )


def test_task_history_without_its_library_is_explained(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "luigid.cfg"
    config = luigi.configuration.get_config()
    monkeypatch.setattr(config, "_config_paths", [*config._config_paths])
    monkeypatch.setattr(luigid.importlib.util, "find_spec", lambda _: None)
    file.write_text("[scheduler]\nrecord_task_history = true\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="needs SQLAlchemy"):
        luigid.require_task_history(str(file))
    file.write_text("[scheduler]\nrecord_task_history = false\n", encoding="utf-8")
    luigid.require_task_history(str(file))


def test_scheduler_that_lost_the_tasks_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert scheduler.lost_tasks_hint() == ""
    monkeypatch.setattr(scheduler, "url", lambda: "http://luigid:8082")
    assert "http://luigid:8082 gave no more tasks" in scheduler.lost_tasks_hint()


def test_luigid_shows_the_message_of_an_error_without_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_SMTP__PASSWORD", "s3cr3t-word")
    task = DbtModel(**RUN, model="fct_org_day")
    try:
        raise DataError("The model failed with s3cr3t-word.")
    except DataError as error:
        shown = task.on_failure(error)
    assert "The model failed with" in shown
    assert "s3cr3t-word" not in shown and "Traceback" not in shown
    assert "KeyError" in Nightly(**RUN).on_failure(KeyError("x"))
