"""What an OpenLineage event states, without the library's classes.

Names of datasets follow OpenLineage's naming specification. All timestamps are UTC.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

START = "START"
COMPLETE = "COMPLETE"
FAIL = "FAIL"
ABORT = "ABORT"


@dataclass(frozen=True)
class Column:
    """A column of a dataset; `source` is the input column that it copies, or ''."""

    name: str
    type: str = ""
    description: str = ""
    source: str = ""


@dataclass(frozen=True)
class Assertion:
    """The result of a dbt test; `failures` counts the rows that violate it."""

    assertion: str
    name: str
    is_success: bool
    column: str | None = None
    severity: str | None = None
    failures: int | None = None
    expected: str | None = None


@dataclass(frozen=True)
class Dataset:
    """A dataset that a run reads or writes, and how much of it.

    `days` are the partitions (`dt=`) that the run touches. `copied_from` is the dataset
    whose columns the columns' `source` names. `exposures` are the dbt exposures that
    read it, with `unique_id`, `name`, `type` and `url`.
    """

    namespace: str
    name: str
    columns: tuple[Column, ...] = ()
    description: str = ""
    owner: str = ""
    days: tuple[date, ...] = ()
    rows: int | None = None
    bytes: int | None = None
    files: int | None = None
    copied_from: tuple[str, str] | None = None
    exposures: tuple[dict[str, str], ...] = ()
    assertions: tuple[Assertion, ...] = ()


@dataclass(frozen=True)
class Job:
    """A job; `dbt_node` and `sql` are set if dbt runs it."""

    namespace: str
    name: str
    type: str
    integration: str
    description: str = ""
    dbt_node: dict[str, Any] | None = None
    sql: str = ""
    dialect: str = ""


@dataclass(frozen=True)
class RunKey:
    """A run and its job, as other runs refer to it."""

    namespace: str
    job: str
    run_id: str


@dataclass(frozen=True)
class Run:
    """One run of a job for the data dates `first` to `last`.

    `engine` is the name and version of what executes it. `tags` identify it in the
    ledgers. `dbt` are the properties of the dbt invocation.
    """

    run_id: str
    first: date
    last: date
    engine: tuple[str, str]
    parent: RunKey | None = None
    root: RunKey | None = None
    tags: dict[str, str] = field(default_factory=dict)
    dbt: dict[str, Any] | None = None


@dataclass(frozen=True)
class Event:
    """A change of a run's state; `error` is redacted when the event is sent."""

    state: str
    time: datetime
    run: Run
    job: Job
    inputs: tuple[Dataset, ...] = ()
    outputs: tuple[Dataset, ...] = ()
    error: str = ""
