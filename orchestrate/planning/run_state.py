"""What a night has to do: which loads, models, archives and syncs are stale, and why.

Compares what is (S3 listings, the project's code) with what the ledgers say was done.
Read once a process and kept; `refreshed()` reads again. Nothing is changed here.
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
from orchestrate.dbt import graph as dbt_graph
from orchestrate.dbt.graph import Graph, Node

LATE_WINDOW_EXTRA_DAYS = 1
SALESFORCE_OBJECT = "Trial_Metrics__c"
ASKED = "somebody asked for it"
# How a sync ends that leaves nothing over: all taken, or a later night's values there.
ACCEPTED = ("success", "superseded", "rolled_back")


@dataclass(frozen=True)
class Night:
    """The data dates that one run works on, and the version of its results.

    `data_date_from` is the first one of a backfill, else equal to `data_date`.
    """

    data_date: date
    data_date_from: date
    env: str
    version: str
    marks: ledger.Marks = field(repr=False)
    graph: Graph = field(repr=False)
    listings: dict[tuple[str, date], s3.Partition] = field(
        default_factory=dict, repr=False, compare=False
    )

    def partition(self, source: str, dt: date) -> s3.Partition:
        """Return a raw partition's listing; all days of the run come at once."""
        if (source, dt) not in self.listings:
            url = settings.load().required_raw_url()
            first = self.data_date_from - timedelta(days=self.late_arrival_days)
            is_ours = first <= dt <= self.data_date
            span = (first, self.data_date) if is_ours else (dt, dt)
            for day, found in s3.list_partitions(url, source, *span).items():
                self.listings[source, day] = found
        return self.listings[source, dt]

    def days_to_load(self, source: str) -> list[date]:
        """Return the nights' own days, and earlier days whose objects changed since.

        A late file of the days that are computed anew is taken along; a day never
        loaded before stays the business of its own night.
        """
        own = self.days()
        late = _days(
            self.data_date_from - timedelta(days=self.late_arrival_days),
            self.data_date_from - timedelta(days=1),
        )
        changed = [
            day
            for day in late
            if (source, day) in self.marks.loads
            and self.partition(source, day).is_complete
            and self.why_load(source, day)
        ]
        return changed + own

    def why_load(self, source: str, dt: date) -> str:
        """Say why the partition must be loaded, or '' when it is as on S3."""
        table = raw_tables()[source]
        loaded = self.marks.loads.get((source, dt))
        if loaded is None:
            return "never loaded"
        if not self._has_relation(table.schema, table.name):
            return "its staging table is missing"
        partition = self.partition(source, dt)
        if not partition.objects and not partition.is_complete:
            return ""  # S3 has let go of it; what was loaded stands
        if loaded == ledger.RERUN:
            return ASKED
        return "" if partition.fingerprint == loaded else "its objects changed"

    def why_build(self, model: str) -> str:
        """Say why the model must be built for the data date, or ''."""
        node = self.graph.nodes[model]
        for day in self.days():
            mark = self.marks.models.get((model, day))
            if mark is None:
                return f"never built for {day}"
            if not self._has_node(node):
                return "its table is missing"
            if mark[1] == ledger.RERUN:
                return ASKED
            if mark[0] != node.code_checksum:
                return "its code changed"
            if mark[1] != self._inputs(node, day):
                return "its inputs changed"
        return ""

    def why_sync(self, model: str) -> str:
        """Say why Salesforce must be synced, or ''."""
        if self.why_build(model):
            return f"{model} is built anew"
        done = self.marks.syncs.get((SALESFORCE_OBJECT, self.last_date))
        if done is None:
            return f"never synced for {self.last_date}"
        if done[1] == ledger.RERUN:
            return ASKED
        if done[1] not in ACCEPTED:
            return f"the last sync ended {done[1]}"
        wanted = self.model_fingerprint(model, self.last_date)
        return "" if done[0] == wanted else f"{model} changed"

    def why_not_accepted(self) -> str:
        """Say what the last sync left over, or ''."""
        done = self.marks.syncs.get((SALESFORCE_OBJECT, self.last_date))
        if done is not None and done[1] not in ACCEPTED:
            return f"the sync of {self.last_date} ended {done[1]}"
        return ""

    def build_window(self, models: list[str]) -> tuple[date, date]:
        """Return the first and last data date that a build of `models` must cover.

        From the first day whose partitions the models have not taken in, to the last
        day that any night has built: an earlier night changes the later ones.
        """
        starts = [self._first_stale_day(self.graph.nodes[model]) for model in models]
        return min([self.data_date, *starts]), self.last_date

    def is_code_changed(self, model: str) -> bool:
        """Say whether other code than today's made what the model's table holds."""
        node = self.graph.nodes[model]
        marked = [day for name, day in self.marks.models if name == model]
        if not marked or not self._has_node(node):
            return False
        code = self.marks.models[model, max(marked)][0]
        return code is not None and code != node.code_checksum

    def is_ready(self, model: str) -> bool:
        """Say whether all partitions that the model needs are loaded."""
        return not any(
            self.why_load(source, day)
            for source in self.graph.nodes[model].sources
            for day in self.days_to_load(source)
        )

    def marks_of_build(
        self, model: str, window: tuple[date, date]
    ) -> list[tuple[date, str]]:
        """Return (data date, input fingerprint) for each night a build covered."""
        node = self.graph.nodes[model]
        days = {
            *self.days(),
            *(day for name, day in self.marks.models if name == model),
            *self._loaded_days(node),
        }
        return [
            (day, self._inputs(node, day))
            for day in sorted(days)
            if window[0] <= day <= window[1]
        ]

    def model_fingerprint(self, model: str, day: date) -> str:
        """Digest what the model's rows of `day` were made from."""
        code, inputs = self.marks.models.get((model, day), ("", ""))
        return _digest(code or "", inputs)

    def wanted_fingerprint(self, model: str, day: date) -> str:
        """Digest what the model's rows of `day` are made from once it is built."""
        node = self.graph.nodes[model]
        return _digest(node.code_checksum, self._inputs(node, day))

    def days(self) -> list[date]:
        """Return the data dates of the run."""
        return _days(self.data_date_from, self.data_date)

    @cached_property
    def last_date(self) -> date:
        """The newest data date that any night has built, or this one."""
        return max([self.data_date, *(day for _, day in self.marks.models)])

    @cached_property
    def late_arrival_days(self) -> int:
        """The dbt var of that name."""
        return int(project_vars()["late_arrival_days"])

    def _has_relation(self, schema: str, name: str) -> bool:
        real = f"{target().schema_prefix}{schema}"
        return (real, name) in self.marks.relations

    def _has_node(self, node: Node) -> bool:
        return (node.schema, node.relation) in self.marks.relations

    @cached_property
    def _chains(self) -> dict[frozenset[str], dict[date, str]]:
        return {}

    def _chain(self, sources: frozenset[str]) -> dict[date, str]:
        """Digest, for each loaded day, all partitions of `sources` up to it.

        What this run is about to load counts as it lies on S3.
        """
        if sources not in self._chains:
            loads = {
                (day, source): fingerprint
                for (source, day), fingerprint in self.marks.loads.items()
                if source in sources
            }
            for source in sources:
                for day in self.days_to_load(source):
                    if self.why_load(source, day):
                        loads[day, source] = self.partition(source, day).fingerprint
            chain: dict[date, str] = {}
            so_far = ""
            for day, source in sorted(loads):
                so_far = _digest(so_far, str(day), source, loads[day, source])
                chain[day] = so_far
            self._chains[sources] = chain
        return self._chains[sources]

    def _loaded_days(self, node: Node) -> list[date]:
        return list(self._chain(node.sources))

    def _inputs(self, node: Node, day: date) -> str:
        chain = self._chain(node.sources)
        if day in chain:
            return chain[day]
        earlier = [other for other in chain if other < day]
        return chain[max(earlier)] if earlier else ""

    def _first_stale_day(self, node: Node) -> date:
        days = [day for day in self._loaded_days(node) if day <= self.data_date]
        if not self._has_node(node):
            return min(days, default=self.data_date)
        for day in days:
            mark = self.marks.models.get((node.name, day))
            if mark != (node.code_checksum, self._inputs(node, day)):
                return day
        return self.data_date


@cache
def of(
    data_date: date, data_date_from: date | None = None, *, env: str, version: str
) -> Night:
    """Return the night as it stood when this process first asked."""
    marks, listings = _snapshot(env, version)
    return Night(
        data_date=data_date,
        data_date_from=data_date_from or data_date,
        env=env,
        version=version,
        marks=marks,
        graph=dbt_graph.load(),
        listings=listings,
    )


def refreshed(
    data_date: date, data_date_from: date | None = None, *, env: str, version: str
) -> Night:
    """Return the night as ledgers and S3 have it now."""
    forget()
    return of(data_date, data_date_from, env=env, version=version)


def remarked(
    data_date: date, data_date_from: date | None = None, *, env: str, version: str
) -> Night:
    """Return the night as the ledgers have it now, with S3 as it was listed before."""
    before = of(data_date, data_date_from, env=env, version=version)
    return replace(before, marks=ledger.read_marks(env=env, version=version))


def forget() -> None:
    """Read ledgers and S3 anew when next asked."""
    _snapshot.cache_clear()
    of.cache_clear()


@cache
def _snapshot(
    env: str, version: str
) -> tuple[ledger.Marks, dict[tuple[str, date], s3.Partition]]:
    return ledger.read_marks(env=env, version=version), {}


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
