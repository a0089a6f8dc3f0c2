"""A small mart, its mapping, and the questions that tests ask of the ledgers."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from loaders import warehouse
from loaders.config.settings import Salesforce as Settings
from loaders.salesforce import mapping, sync
from loaders.salesforce.mapping import Field
from loaders.salesforce.outcome import SyncResult
from loaders.salesforce.policy import Patience, SyncPolicy
from loaders.salesforce.sync import SyncRequest
from tests.emulators.salesforce import faults
from tests.emulators.salesforce.bulk.jobs import ENDED, Job
from tests.emulators.salesforce.faults import Fault
from tests.emulators.salesforce.objects import values
from tests.emulators.salesforce.objects.schema import SObject
from tests.emulators.salesforce.objects.schema_file import field as described
from tests.emulators.salesforce.objects.store import Record
from tests.emulators.salesforce.org import Org
from tests.emulators.salesforce.serve import Started

NIGHT = date(2026, 11, 24)
MAPPING = mapping.load()
COLUMNS = tuple(item.column for item in MAPPING.fields)
BAD_PLAN = "Refused by rule"
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
    patience=Patience(
        attempts=4,
        base_seconds=0.005,
        max_wait_seconds=3.0,
        connect_timeout_seconds=5,
        read_timeout_seconds=10,
    ),
)
BULK = replace(FAST, bulk_above_rows=0)


def org(key: str | None, **values: object) -> dict[str, Any]:
    """Return a row of the mart; values by the field's name without `__c`."""
    row: dict[str, Any] = {
        "org_id__c": key,
        "org_name__c": f"Org {key}",
        "generated_date__c": NIGHT,
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
        raise ValueError(f"not in the mart: {set(row) ^ set(COLUMNS)}")
    return row


@dataclass(frozen=True)
class Connected:
    """An org that a test may spoil, and the settings and spool to reach it with.

    `writes` gives, by folded key, what each accepted row asked for.
    """

    running: Started
    settings: Settings
    spool: Path
    writes: dict[str, list[str]] = field(default_factory=dict)

    @property
    def org(self) -> Org:
        """The org behind the network."""
        return self.running.org

    @property
    def sobject(self) -> SObject:
        """The mapping's object in the org."""
        found = self.org.schema.get(MAPPING.object)
        assert found is not None
        return found

    @property
    def jobs(self) -> list[Job]:
        """The jobs, the oldest first."""
        return list(self.org.jobs)

    def request(self, **options: Any) -> SyncRequest:  # noqa: ANN401 - a request's own
        """Return a request to sync the mart of the night."""
        given = {"data_date": NIGHT, "fingerprint": "f", "run_id": "r", **options}
        return SyncRequest(mapping=MAPPING, spool=self.spool, **given)

    def sync(self, policy: SyncPolicy = FAST, **options: Any) -> SyncResult:  # noqa: ANN401 - a request's own
        """Sync the mart as it is."""
        return sync.run(self.request(**options), self.settings, policy=policy)

    def records(self) -> dict[str, dict[str, Any]]:
        """Return the object's records by folded key, as the API tells them."""
        sobject = self.sobject
        key = sobject.positions[MAPPING.external_id.lower()]
        return {
            record[key].lower(): {
                item.name: values.as_json(item, value)
                for item, value in zip(sobject.fields, record, strict=True)
            }
            for record in self.org.store.all(sobject)
        }

    def holds(self, key: str, name: str) -> object:
        """Return what a record holds in a field, written without `__c`."""
        return self.records()[key.lower()][f"{name}__c"]

    def note(self, _: SObject, record: Record, changes: dict[int, Any]) -> None:
        """Keep what was written: the watcher of the org's store."""
        place = self.sobject.positions[MAPPING.external_id.lower()]
        told = repr(sorted((at, str(value)) for at, value in changes.items()))
        self.writes.setdefault(record[place].lower(), []).append(told)

    def wrote_each_once(self) -> bool:
        """Say whether no record was written twice."""
        return all(len(told) == 1 for told in self.writes.values())

    def count(self, method: str, path: str) -> int:
        """Return how many requests had this method and this text in their path."""
        return sum(
            1
            for entry in self.org.log.entries()
            if entry["method"] == method and path in entry["path"]
        )

    def open_jobs(self) -> list[str]:
        """Return the ids of jobs that have not ended."""
        return [job.id for job in self.jobs if job.state not in ENDED]

    def spoil(
        self, method: str, path: str, kind: str = "answer", **how: object
    ) -> Fault:
        """Let requests go wrong; see `Fault`. It counts down as it strikes."""
        told = {"kind": kind, "method": method, "path": path, **how}
        return self._spoil(told)

    def spoil_job(self, kind: str, **how: object) -> Fault:
        """Let jobs or rows go wrong; see `Fault`."""
        return self._spoil({"kind": kind, **how})

    def _spoil(self, told: dict[str, object]) -> Fault:
        fault = faults.make(told)
        self.org.faults.add(fault)
        return fault

    def change_field(
        self, name: str, *, is_absent: bool = False, **changes: object
    ) -> None:
        """Change a field of the object as an admin would, add it, or take it away."""
        schema = self.org.schema
        if is_absent:
            schema.drop_field(MAPPING.object, name)
        elif self.sobject.field(name):
            schema.change_field(MAPPING.object, name, **changes)
        else:
            added = schema.add_field(
                MAPPING.object, described({"name": name, **changes})
            )
            self.org.add_object(added)

    def release_jobs(self) -> None:
        """Let stuck jobs go on."""
        for job in self.jobs:
            if job.id in self.running.worker.stuck:
                self.running.worker.release(job)

    def forget_jobs(self) -> None:
        """Let all jobs expire."""
        for job in self.jobs:
            self.org.jobs.remove(job)


@dataclass(frozen=True)
class Mart:
    """The mart in the test's warehouse, and its ledgers.

    The file stays open while `held`: to open it takes longer than a small sync. A
    process that forks must let it go first.
    """

    kept: ExitStack = field(default_factory=ExitStack)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the warehouse's file open between sessions."""
        with self.kept:
            self.kept.enter_context(warehouse.session())
            yield

    @contextmanager
    def let_go(self) -> Iterator[None]:
        """Close the file for a while."""
        self.kept.close()
        yield
        self.kept.enter_context(warehouse.session())

    def fill(self, rows: Iterable[dict[str, Any]]) -> None:
        """Put these rows in place of all others; numbers may be any double."""
        told = [[row[column] for column in COLUMNS] for row in rows]
        with warehouse.transaction() as connection:
            table = connection.table("marts", MAPPING.model)
            columns = ", ".join(
                f'"{item.column}" {_type(item)}' for item in MAPPING.fields
            )
            connection.execute(f"create or replace table {table} ({columns})")
            connection.insert(table, COLUMNS, told)

    def send(self, rows: Iterable[dict[str, Any]], org: "Connected") -> SyncResult:
        """Fill the mart and sync it."""
        self.fill(rows)
        return org.sync()

    def ledger(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        """Return columns of an ops table, in no order."""
        names = ", ".join(f'"{column}"' for column in columns)
        with warehouse.session() as connection:
            return connection.fetch_all(
                f"select {names} from {connection.table('ops', table)}"
            )


def _type(item: Field) -> str:
    """Let numbers be doubles, so that a test can have NaN, but for the largest."""
    return "bigint" if item.column == "metrics__c" else TYPES[item.type]


def expected(row: dict[str, Any]) -> dict[str, Any]:
    """Return what a record of the object holds of a row of the mart."""
    told: dict[str, Any] = {}
    for item in MAPPING.fields:
        value = row[item.column]
        if item.is_numeric and value is not None:
            value = float(value)
        elif item.type == "date" and value is not None:
            value = str(value)
        elif item.type == "text" and value is not None:
            value = value[: item.length] if value.strip() else None
        told[item.name] = value
    return told


def kept(record: dict[str, Any]) -> dict[str, Any]:
    """Return the mapped fields of a record."""
    return {item.name: record[item.name] for item in MAPPING.fields}
