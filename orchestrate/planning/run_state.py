"""The state of a run: which loads, models and syncs are stale, and why.

Compares the inputs (S3 listings, the project's code) with the completion records in
the ledgers. Nothing here writes. The state is cached per process until `reload()`.
"""

import hashlib
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cache, cached_property

from loaders import ledger, s3
from loaders.config import settings
from loaders.config.dbt_profile import target
from loaders.config.dbt_project import project_vars
from loaders.warehouse.declared_tables import raw_tables
from orchestrate.dbt import graph
from orchestrate.dbt.graph import Graph, Node

LATE_WINDOW_EXTRA_DAYS = 1
SALESFORCE_OBJECT = "Trial_Metrics__c"
RERUN_REQUESTED = "rerun requested"
# A sync with one of these statuses left nothing to send.
ACCEPTED_STATUSES = ("success", "superseded", "rolled_back")


@dataclass(frozen=True)
class RunState:
    """The data dates that one run processes, and what is complete for them.

    `data_date_from` is the first date of a backfill, otherwise equal to `data_date`.
    """

    data_date: date
    data_date_from: date
    env: str
    version: str
    completed: ledger.CompletionRecords = field(repr=False)
    graph: Graph = field(repr=False)
    listings: dict[tuple[str, date], s3.Partition] = field(
        default_factory=dict, repr=False, compare=False
    )

    def partition(self, source: str, dt: date) -> s3.Partition:
        """Return a raw partition's listing; lists all days of the run together."""
        if (source, dt) not in self.listings:
            url = settings.load().required_raw_url()
            first = self.data_date_from - timedelta(days=self.late_arrival_days)
            is_in_run = first <= dt <= self.data_date
            span = (first, self.data_date) if is_in_run else (dt, dt)
            for day, listing in s3.list_partitions(url, source, *span).items():
                self.listings[source, day] = listing
        return self.listings[source, dt]

    def days_to_load(self, source: str) -> list[date]:
        """Return the run's data dates, and earlier days whose objects changed.

        An earlier day counts if it is within `late_arrival_days` and was loaded before.
        A day that was never loaded belongs to the run of its own date.
        """
        late = _date_range(
            self.data_date_from - timedelta(days=self.late_arrival_days),
            self.data_date_from - timedelta(days=1),
        )
        changed = [
            day
            for day in late
            if (source, day) in self.completed.loads
            and self.partition(source, day).is_complete
            and self.load_stale_reason(source, day)
        ]
        return changed + self.data_dates()

    def load_stale_reason(self, source: str, dt: date) -> str:
        """Return why the partition must be loaded, or ''."""
        table = raw_tables()[source]
        loaded = self.completed.loads.get((source, dt))
        if loaded is None:
            return "never loaded"
        if not self._relation_exists(table.schema, table.name):
            return "its staging table is missing"
        partition = self.partition(source, dt)
        if not partition.objects and not partition.is_complete:
            return ""  # The partition expired on S3; the loaded rows remain valid.
        if loaded == ledger.RERUN:
            return RERUN_REQUESTED
        return "" if partition.fingerprint == loaded else "its objects changed"

    def build_stale_reason(self, model: str) -> str:
        """Return why the model must be built for the run's data dates, or ''."""
        node = self.graph.nodes[model]
        for day in self.data_dates():
            record = self.completed.models.get((model, day))
            if record is None:
                return f"never built for {day}"
            if not self._node_exists(node):
                return "its table is missing"
            code_checksum, input_fingerprint = record
            if input_fingerprint == ledger.RERUN:
                return RERUN_REQUESTED
            if code_checksum != node.code_checksum:
                return "its code changed"
            if input_fingerprint != self._input_fingerprint(node, day):
                return "its inputs changed"
        return ""

    def sync_stale_reason(self, model: str) -> str:
        """Return why the model must be synced to Salesforce, or ''."""
        if self.build_stale_reason(model):
            return f"{model} will be rebuilt"
        record = self.completed.syncs.get((SALESFORCE_OBJECT, self.newest_data_date))
        if record is None:
            return f"never synced for {self.newest_data_date}"
        fingerprint, status = record
        if status == ledger.RERUN:
            return RERUN_REQUESTED
        if status not in ACCEPTED_STATUSES:
            return f"the last sync ended with status {status}"
        expected = self.built_fingerprint(model, self.newest_data_date)
        return "" if fingerprint == expected else f"{model} changed"

    def incomplete_sync_reason(self) -> str:
        """Return why the last sync is incomplete, or ''."""
        record = self.completed.syncs.get((SALESFORCE_OBJECT, self.newest_data_date))
        if record is not None and record[1] not in ACCEPTED_STATUSES:
            return f"the sync of {self.newest_data_date} ended with status {record[1]}"
        return ""

    def build_window(self, models: list[str]) -> tuple[date, date]:
        """Return the first and last data date that a build of `models` must cover.

        It ends at the newest date ever built, because earlier dates affect later ones.
        """
        starts = [self._first_stale_day(self.graph.nodes[model]) for model in models]
        return min([self.data_date, *starts]), self.newest_data_date

    def has_code_changed(self, model: str) -> bool:
        """Return whether the model's table was built by different code."""
        node = self.graph.nodes[model]
        built_days = [day for name, day in self.completed.models if name == model]
        if not built_days or not self._node_exists(node):
            return False
        code_checksum = self.completed.models[model, max(built_days)][0]
        return code_checksum is not None and code_checksum != node.code_checksum

    def are_inputs_loaded(self, model: str) -> bool:
        """Return whether all raw partitions that the model needs are loaded."""
        return not any(
            self.load_stale_reason(source, day)
            for source in self.graph.nodes[model].sources
            for day in self.days_to_load(source)
        )

    def input_fingerprints(
        self, model: str, window: tuple[date, date]
    ) -> list[tuple[date, str]]:
        """Return (data date, input fingerprint) for each date that a build covers."""
        node = self.graph.nodes[model]
        days = {
            *self.data_dates(),
            *(day for name, day in self.completed.models if name == model),
            *self._loaded_days(node),
        }
        return [
            (day, self._input_fingerprint(node, day))
            for day in sorted(days)
            if window[0] <= day <= window[1]
        ]

    def built_fingerprint(self, model: str, day: date) -> str:
        """Digest the code and inputs from which the model was built for `day`."""
        code_checksum, inputs = self.completed.models.get((model, day), ("", ""))
        return _digest(code_checksum or "", inputs)

    def expected_fingerprint(self, model: str, day: date) -> str:
        """Digest the code and inputs that a build of the model for `day` would use."""
        node = self.graph.nodes[model]
        return _digest(node.code_checksum, self._input_fingerprint(node, day))

    def data_dates(self) -> list[date]:
        """Return the data dates of the run."""
        return _date_range(self.data_date_from, self.data_date)

    @cached_property
    def newest_data_date(self) -> date:
        """The newest data date that any run has built, or this run's."""
        return max([self.data_date, *(day for _, day in self.completed.models)])

    @cached_property
    def late_arrival_days(self) -> int:
        """The dbt var `late_arrival_days`."""
        return int(project_vars()["late_arrival_days"])

    def _relation_exists(self, schema: str, name: str) -> bool:
        real_schema = f"{target().schema_prefix}{schema}"
        return (real_schema, name) in self.completed.relations

    def _node_exists(self, node: Node) -> bool:
        return (node.schema, node.relation) in self.completed.relations

    @cached_property
    def _fingerprint_cache(self) -> dict[frozenset[str], dict[date, str]]:
        return {}

    def _cumulative_fingerprints(self, sources: frozenset[str]) -> dict[date, str]:
        """Digest, for each loaded day, all partitions of `sources` up to that day.

        For partitions that this run will load, the fingerprint is that on S3.
        """
        if sources not in self._fingerprint_cache:
            loads = {
                (day, source): fingerprint
                for (source, day), fingerprint in self.completed.loads.items()
                if source in sources
            }
            for source in sources:
                for day in self.days_to_load(source):
                    if self.load_stale_reason(source, day):
                        loads[day, source] = self.partition(source, day).fingerprint
            digest, fingerprints = "", dict[date, str]()
            for day, source in sorted(loads):
                digest = _digest(digest, str(day), source, loads[day, source])
                fingerprints[day] = digest
            self._fingerprint_cache[sources] = fingerprints
        return self._fingerprint_cache[sources]

    def _loaded_days(self, node: Node) -> list[date]:
        return list(self._cumulative_fingerprints(node.sources))

    def _input_fingerprint(self, node: Node, day: date) -> str:
        fingerprints = self._cumulative_fingerprints(node.sources)
        if day in fingerprints:
            return fingerprints[day]
        earlier = [other for other in fingerprints if other < day]
        return fingerprints[max(earlier)] if earlier else ""

    def _first_stale_day(self, node: Node) -> date:
        days = [day for day in self._loaded_days(node) if day <= self.data_date]
        if not self._node_exists(node):
            return min(days, default=self.data_date)
        for day in days:
            expected = (node.code_checksum, self._input_fingerprint(node, day))
            if self.completed.models.get((node.name, day)) != expected:
                return day
        return self.data_date


@cache
def load(
    data_date: date, data_date_from: date | None = None, *, env: str, version: str
) -> RunState:
    """Return the run's state, cached since this process first read it."""
    completed, listings = _ledgers_and_listings(env, version)
    return RunState(
        data_date=data_date,
        data_date_from=data_date_from or data_date,
        env=env,
        version=version,
        completed=completed,
        graph=graph.load(),
        listings=listings,
    )


def reload(
    data_date: date, data_date_from: date | None = None, *, env: str, version: str
) -> RunState:
    """Return the run's state, with ledgers and S3 read again."""
    clear_cache()
    return load(data_date, data_date_from, env=env, version=version)


def reload_ledgers(
    data_date: date, data_date_from: date | None = None, *, env: str, version: str
) -> RunState:
    """Return the run's state with the ledgers read again and the cached S3 listings."""
    cached = load(data_date, data_date_from, env=env, version=version)
    records = ledger.read_completion_records(env=env, version=version)
    return replace(cached, completed=records)


def clear_cache() -> None:
    """Make the next `load` read ledgers and S3 again."""
    _ledgers_and_listings.cache_clear()
    load.cache_clear()


@cache
def _ledgers_and_listings(
    env: str, version: str
) -> tuple[ledger.CompletionRecords, dict[tuple[str, date], s3.Partition]]:
    return ledger.read_completion_records(env=env, version=version), {}


def _date_range(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
