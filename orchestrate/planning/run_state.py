"""The state of a run: what is loaded and built, and from which inputs and code.

Compares the inputs (S3 listings, the project's code) with the completion records in
the ledgers. Nothing here writes. The state is cached per process until `reload()`, and
the records that any process of the run reads are shared with the others.
"""

import hashlib
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cache, cached_property, lru_cache

from loaders import ledger, s3
from loaders.config import settings, windows
from loaders.config.dbt_profile import target
from loaders.config.dbt_project import project_vars
from loaders.warehouse.declared_tables import raw_tables
from orchestrate.dbt import graph
from orchestrate.dbt.graph import Graph, Node
from orchestrate.planning import finality, shared_records

CACHED_STATES = 8
RERUN_REQUESTED = "rerun requested"


@dataclass(frozen=True)
class LastDates:
    """The last data date of each kind of result that a run keeps up to date.

    Each is the run's own data date, or the latest later one whose results are complete.
    `built` is the last date of a rebuild. `published` is the last date whose archive
    and report are rewritten when they change, `synced` the date that is sent to
    Salesforce.
    """

    built: date
    published: date
    synced: date


RunKey = tuple[date, date, str, str]
# The last dates of each run of this process. They remain those at the run's start,
# because the run's own results change what the ledgers record about later dates.
_last_dates: dict[RunKey, LastDates] = {}


@dataclass(frozen=True, eq=False)
class RunState:
    """The data dates that one run processes, and what is complete for them.

    `data_date_from` is the first date of a backfill, otherwise equal to `data_date`.
    `known_last_dates` is filled by `later_dates`.
    """

    data_date: date
    data_date_from: date
    env: str
    version: str
    completed: ledger.CompletionRecords = field(repr=False)
    graph: Graph = field(repr=False)
    listings: dict[tuple[str, date], s3.Partition] = field(
        default_factory=dict, repr=False
    )
    known_last_dates: dict[RunKey, LastDates] = field(default_factory=dict, repr=False)

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
        late = windows.days_between(
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
        if (source, dt) in self.completed.removed_partitions:
            return ""  # The day is final.
        if not self.relation_exists(table.schema, table.name):
            return "its staging table is missing"
        partition = self.partition(source, dt)
        if not partition.objects and not partition.is_complete:
            return ""  # The partition expired on S3; the loaded rows remain valid.
        if loaded == ledger.RERUN:
            return RERUN_REQUESTED
        return "" if partition.fingerprint == loaded else "its objects changed"

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
            *self.builds_of(model),
            *self._loaded_days(node),
        }
        return [
            (day, self.input_fingerprint(node, day))
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
        return _digest(node.code_checksum, self.input_fingerprint(node, day))

    def data_dates(self) -> list[date]:
        """Return the data dates of the run."""
        return windows.days_between(self.data_date_from, self.data_date)

    def builds_of(self, model: str) -> dict[date, tuple[str, str]]:
        """Return the model's completion records by data date."""
        return self._builds.get(model, {})

    @cached_property
    def _builds(self) -> dict[str, dict[date, tuple[str, str]]]:
        builds: dict[str, dict[date, tuple[str, str]]] = {}
        for (model, day), record in self.completed.models.items():
            builds.setdefault(model, {})[day] = record
        return builds

    @cached_property
    def late_arrival_days(self) -> int:
        """The dbt var `late_arrival_days`."""
        return int(project_vars()["late_arrival_days"])

    def relation_exists(self, schema: str, name: str) -> bool:
        """Return whether the warehouse has the relation; `schema` has no prefix."""
        real_schema = f"{target().schema_prefix}{schema}"
        return (real_schema, name) in self.completed.relations

    def node_exists(self, node: Node) -> bool:
        """Return whether the warehouse has the model's relation."""
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
                (day, source): self.completed.loaded_content(source, day)
                for source, day in self.completed.loads
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

    def input_fingerprint(self, node: Node, day: date) -> str:
        """Digest all partitions up to `day` of the sources that the model reads."""
        fingerprints = self._cumulative_fingerprints(node.sources)
        if day in fingerprints:
            return fingerprints[day]
        earlier = [other for other in fingerprints if other < day]
        return fingerprints[max(earlier)] if earlier else ""

    def first_stale_day(self, node: Node) -> date:
        """Return the first date whose build of the model is stale, or the data date."""
        first = finality.first_open_date(self.completed)
        loaded = (day for day in self._loaded_days(node) if day >= first)
        days = [day for day in loaded if day <= self.data_date]
        if not self.node_exists(node):
            return min(days, default=self.data_date)
        for day in days:
            expected = (node.code_checksum, self.input_fingerprint(node, day))
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
        known_last_dates=_last_dates,
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
    shared_records.read(env, version)
    return current(data_date, data_date_from, env=env, version=version)


def current(
    data_date: date, data_date_from: date | None = None, *, env: str, version: str
) -> RunState:
    """Return the run's state as any of its processes has last read the ledgers.

    What it shows as complete is complete. Read the ledgers again before work: the rest
    may have been done since, also by another run.
    """
    cached = load(data_date, data_date_from, env=env, version=version)
    records = shared_records.latest(env, version)
    if records is None or records is cached.completed:
        return cached
    return _with_records(cached, records)


@lru_cache(maxsize=CACHED_STATES)
def _with_records(state: RunState, records: ledger.CompletionRecords) -> RunState:
    return replace(state, completed=records)


def clear_cache(*, is_new_run: bool = False) -> None:
    """Make the next `load` read ledgers and S3 again; a new run has new last dates."""
    if is_new_run:
        _last_dates.clear()
    _ledgers_and_listings.cache_clear()
    load.cache_clear()
    shared_records.clear()


@cache
def _ledgers_and_listings(
    env: str, version: str
) -> tuple[ledger.CompletionRecords, dict[tuple[str, date], s3.Partition]]:
    return shared_records.read(env, version), {}


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
