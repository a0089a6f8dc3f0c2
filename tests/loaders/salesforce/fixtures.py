"""A small mart and a Salesforce org for tests, with access to their contents."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from loaders import warehouse
from loaders.config import salesforce_mapping as mapping
from loaders.config.salesforce_mapping import Field
from loaders.config.salesforce_policy import RetryPolicy, SyncPolicy
from loaders.config.settings import Salesforce as Settings
from loaders.salesforce import sync
from loaders.salesforce.context import SyncRequest
from loaders.salesforce.plan import SyncResult
from tests.emulators.salesforce import faults
from tests.emulators.salesforce.bulk.jobs import END_STATES, Job
from tests.emulators.salesforce.faults import Fault
from tests.emulators.salesforce.objects import values
from tests.emulators.salesforce.objects.schema import SObject
from tests.emulators.salesforce.objects.schema_file import parse_field
from tests.emulators.salesforce.objects.store import Record
from tests.emulators.salesforce.org import Org
from tests.emulators.salesforce.serve import RunningEmulator

DATA_DATE = date(2026, 11, 24)
MAPPING = mapping.load()
COLUMNS = tuple(item.column for item in MAPPING.fields)
REJECTED_PLAN = "Rejected by rule"
TYPES = {
    "text": "varchar",
    "date": "date",
    "checkbox": "boolean",
    "number": "double",
    "percent": "double",
}
FAST = SyncPolicy(
    send_pause_seconds=0.01,
    poll_first_seconds=0.005,
    poll_max_seconds=0.02,
    poll_timeout_seconds=2.0,
    retry_policy=RetryPolicy(
        attempts=4,
        base_seconds=0.005,
        max_wait_seconds=3.0,
        connect_timeout_seconds=5,
        read_timeout_seconds=10,
    ),
)
BULK = replace(FAST, bulk_above_rows=0)


def org_row(key: str | None, **values: object) -> dict[str, Any]:
    """Return a row of the mart; `values` has field names without `__c`."""
    row: dict[str, Any] = {
        "org_id__c": key,
        "org_name__c": f"Org {key}",
        "generated_date__c": DATA_DATE,
        "trial_start_date__c": date(2026, 11, 20),
        "org_day__c": 5,
        "days_left_in_trial__c": 9,
        "billing_plan__c": "Trial",
        "is_paid__c": False,
        "converted_on__c": None,
        "hosts__c": 4,
        "integrations__c": 3,
        "dashboards__c": 2,
        "metrics__c": 1000,
        "median_hosts__c": Decimal("3.5"),
        "median_integrations__c": Decimal(3),
        "median_dashboards__c": Decimal(2),
        "median_metrics__c": Decimal("950.25"),
        "active_days__c": 4,
        "active_users__c": 7,
        "last_active_date__c": date(2026, 11, 23),
        "target_attainment__c": Decimal("66.7"),
        "interesting_reasons__c": None,
    }
    row |= {f"{name}__c": value for name, value in values.items()}
    if set(row) != set(COLUMNS):
        raise ValueError(f"unknown or missing columns: {set(row) ^ set(COLUMNS)}")
    return row


@dataclass(frozen=True)
class SalesforceOrg:
    """A running Salesforce emulator, with the settings and spool to sync to it.

    `writes` has the values of each accepted row by folded key, in order.
    """

    running: RunningEmulator
    settings: Settings
    spool: Path
    writes: dict[str, list[str]] = field(default_factory=dict)

    @property
    def org(self) -> Org:
        """The emulated org."""
        return self.running.org

    @property
    def sobject(self) -> SObject:
        """The mapping's object in the org."""
        sobject = self.org.schema.get(MAPPING.object)
        assert sobject is not None
        return sobject

    @property
    def jobs(self) -> list[Job]:
        """The ingest jobs, oldest first."""
        return list(self.org.jobs)

    def request(self, **options: Any) -> SyncRequest:  # noqa: ANN401 - fields of SyncRequest
        """Return a request to sync the mart for `DATA_DATE`."""
        fields = {"data_date": DATA_DATE, "fingerprint": "f", "run_id": "r", **options}
        return SyncRequest(mapping=MAPPING, spool=self.spool, **fields)

    def sync(self, policy: SyncPolicy = FAST, **options: Any) -> SyncResult:  # noqa: ANN401 - fields of SyncRequest
        """Sync the current mart."""
        settings = self.settings.model_copy(update={"sync": policy})
        return sync.run(self.request(**options), settings)

    def records(self) -> dict[str, dict[str, Any]]:
        """Return the records by folded key as JSON; deleted ones come first."""
        sobject = self.sobject
        key = sobject.positions[MAPPING.external_id.lower()]
        is_deleted = sobject.positions["isdeleted"]
        return {
            record[key].lower(): {
                item.name: values.to_json(item, value)
                for item, value in zip(sobject.fields, record, strict=True)
            }
            for record in sorted(
                self.org.store.all_records(sobject),
                key=lambda record: not record[is_deleted],
            )
        }

    def field_value(self, key: str, name: str) -> object:
        """Return a field of a record; `name` is without `__c`."""
        return self.records()[key.lower()][f"{name}__c"]

    def record_write(self, _: SObject, record: Record, changes: dict[int, Any]) -> None:
        """Record a write; the emulator's store calls this for each one."""
        key = self.sobject.positions[MAPPING.external_id.lower()]
        text = repr(sorted((field, str(value)) for field, value in changes.items()))
        self.writes.setdefault(record[key].lower(), []).append(text)

    def wrote_each_record_once(self) -> bool:
        """Return whether no record was written twice."""
        return all(len(writes) == 1 for writes in self.writes.values())

    def count_requests(self, method: str, path: str) -> int:
        """Return the number of requests with this method and this text in the path."""
        return sum(
            1
            for entry in self.org.log.entries()
            if entry["method"] == method and path in entry["path"]
        )

    def open_job_ids(self) -> list[str]:
        """Return the ids of jobs that have not ended."""
        return [job.id for job in self.jobs if job.state not in END_STATES]

    def inject_fault(
        self, method: str, path: str, kind: str = "answer", **options: object
    ) -> Fault:
        """Make matching requests fail; `times` of the fault counts down."""
        return self._add_fault(
            {"kind": kind, "method": method, "path": path, **options}
        )

    def inject_job_fault(self, kind: str, **options: object) -> Fault:
        """Make jobs or rows fail; see `Fault` for the kinds."""
        return self._add_fault({"kind": kind, **options})

    def _add_fault(self, description: dict[str, object]) -> Fault:
        fault = faults.parse_fault(description)
        self.org.faults.add(fault)
        return fault

    def change_field(
        self, name: str, *, is_absent: bool = False, **changes: object
    ) -> None:
        """Change, add or remove a field of the object."""
        schema = self.org.schema
        if is_absent:
            schema.drop_field(MAPPING.object, name)
        elif self.sobject.field(name):
            schema.change_field(MAPPING.object, name, **changes)
        else:
            added = schema.add_field(
                MAPPING.object, parse_field({"name": name, **changes})
            )
            self.org.add_object(added)

    def resume_stuck_jobs(self) -> None:
        """Let stuck jobs continue."""
        for job in self.jobs:
            if job.id in self.running.worker.stuck:
                self.running.worker.release(job)

    def delete_jobs(self) -> None:
        """Delete all jobs, as Salesforce does after some days."""
        for job in self.jobs:
            self.org.jobs.remove(job)


@dataclass(frozen=True)
class Mart:
    """The mart in the test's warehouse, and its ledgers.

    Within `kept_open` the file stays open, because opening it takes longer than a small
    sync. A process must close it (`closed`) before it forks.
    """

    session: ExitStack = field(default_factory=ExitStack)

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """Keep the warehouse's file open between sessions."""
        with self.session:
            self.session.enter_context(warehouse.session())
            yield

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Close the warehouse's file, and open it again afterwards."""
        self.session.close()
        yield
        self.session.enter_context(warehouse.session())

    def fill(self, rows: Iterable[dict[str, Any]]) -> None:
        """Replace the mart's rows; numbers may be any double."""
        values = [[row[column] for column in COLUMNS] for row in rows]
        with warehouse.transaction() as connection:
            table = connection.table("marts", MAPPING.model)
            columns = ", ".join(
                f'"{item.column}" {_type(item)}' for item in MAPPING.fields
            )
            connection.execute(f"create or replace table {table} ({columns})")
            connection.insert(table, COLUMNS, values)

    def fill_and_sync(
        self, rows: Iterable[dict[str, Any]], salesforce: SalesforceOrg
    ) -> SyncResult:
        """Replace the mart's rows and sync them."""
        self.fill(rows)
        return salesforce.sync()

    def read_ledger(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        """Return columns of an ops table, in any order."""
        names = ", ".join(f'"{column}"' for column in columns)
        with warehouse.session() as connection:
            return connection.fetch_all(
                f"select {names} from {connection.table('ops', table)}"
            )


def _type(item: Field) -> str:
    """Return the column type; doubles, so that tests can have NaN, except one column.

    `metrics__c` holds 18 digits, which a double cannot.
    """
    return "bigint" if item.column == "metrics__c" else TYPES[item.type]


def expected_record(row: dict[str, Any]) -> dict[str, Any]:
    """Return the mapped fields that a record has for a row of the mart."""
    record: dict[str, Any] = {}
    for item in MAPPING.fields:
        value = row[item.column]
        if item.is_numeric and value is not None:
            value = float(value)
        elif item.type == "date" and value is not None:
            value = str(value)
        elif item.type == "text" and value is not None:
            value = value[: item.length] if value.strip() else None
        record[item.name] = value
    return record


def mapped_fields(record: dict[str, Any]) -> dict[str, Any]:
    """Return the mapped fields of a record."""
    return {item.name: record[item.name] for item in MAPPING.fields}
