"""Past runs as the ledgers record them, for tests of planning: no warehouse, no S3."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from loaders import ledger
from loaders.config.salesforce_mapping import SALESFORCE_MODEL, SALESFORCE_OBJECT
from loaders.s3 import Partition, S3Object
from orchestrate.dbt.graph import Graph, Node
from orchestrate.planning import archives
from orchestrate.planning.archives import DATASETS
from orchestrate.planning.run_state import RunState

DAY = date(2026, 11, 20)
NEXT = DAY + timedelta(days=1)
SECOND_NEXT = DAY + timedelta(days=2)
DATASET = DATASETS["org_day"]
MART = DATASET.relation
SEED, STAGING = "billing_plans", "stg_app__orgs"


def _node(name: str, *parents: str, checksum: str = "code") -> Node:
    sources = frozenset() if name == SEED else frozenset({"orgs"})
    return Node(
        name=name,
        unique_id=f"model.nightshift.{name}",
        schema="marts",
        relation=name,
        parents=parents,
        own_sources=sources if name == STAGING else frozenset(),
        sources=sources,
        tests=frozenset(),
        code_checksum=checksum,
    )


def make_graph(*, changed: tuple[str, ...] = ()) -> Graph:
    """Return seed and staging, a mart of both, and the export."""
    parents: dict[str, tuple[str, ...]] = {
        SEED: (),
        STAGING: (),
        MART: (SEED, STAGING),
        SALESFORCE_MODEL: (MART,),
    }
    return Graph(
        {
            name: _node(name, *parents[name], checksum="new" if name in changed else "")
            for name in parents
        }
    )


@dataclass
class History:
    """Past runs as the ledgers record them, and the partitions on S3."""

    completed: ledger.CompletionRecords = field(
        default_factory=lambda: ledger.CompletionRecords(
            relations=frozenset(
                {("marts", name) for name in make_graph().nodes}
                | {("staging", "raw_orgs")}
            )
        )
    )
    listings: dict[tuple[str, date], Partition] = field(default_factory=dict)
    graph: Graph = field(default_factory=make_graph)
    now: datetime = datetime(2026, 11, 25)

    def state(self, day: date = DAY, first: date | None = None) -> RunState:
        """Return the state of a run that starts now."""
        for n in range(-60, 10):
            key = ("orgs", day + timedelta(days=n))
            self.listings.setdefault(key, _partition(key[1], etag=""))
        return RunState(
            data_date=day,
            data_date_from=first or day,
            env="test",
            version="v1",
            completed=self.completed,
            graph=self.graph,
            listings=self.listings,
        )

    def deliver(self, day: date, etag: str = "first") -> None:
        """Write a complete partition."""
        self.listings["orgs", day] = _partition(day, etag=etag)

    def load(self, day: date) -> None:
        """Load a partition as it is on S3."""
        self.completed.loads["orgs", day] = self.listings["orgs", day].fingerprint
        self._record("load", "orgs", day)

    def build(self, day: date, *models: str, first: date | None = None) -> None:
        """Build models for `day`, and again for the dates since `first`."""
        state = self.state(day, first)
        for name in models or tuple(self.graph.nodes):
            node = self.graph.nodes[name]
            for built in state.data_dates():
                fingerprint = state.input_fingerprint(node, built)
                self.mark(built, name, (node.code_checksum, fingerprint))
        self.now += timedelta(seconds=1)

    def mark(self, day: date, model: str, record: tuple[str, str]) -> None:
        """Record a code checksum and a fingerprint or mark."""
        self.completed.models[model, day] = record
        self.completed.times["model", model, day] = self.now

    def start(self, day: date, *models: str) -> None:
        """Start builds that do not finish."""
        self.now += timedelta(seconds=1)
        for name in models:
            self.mark(day, name, ("", ledger.STARTED))

    def archive(self, day: date) -> None:
        """Archive what a run of `day` archives."""
        state = self.state(day)
        for affected in archives.affected_days(state):
            fingerprint = archives.fingerprint(state, DATASET, affected)
            self.completed.archives[DATASET.name, affected] = fingerprint
            self._record("archive", DATASET.name, affected)

    def sync(self, day: date, status: str = "success") -> None:
        """Record a sync of the export as it is built."""
        fingerprint = self.state(day).built_fingerprint(SALESFORCE_MODEL, day)
        self.completed.syncs[SALESFORCE_OBJECT, day] = (fingerprint, status)
        self._record("sync", SALESFORCE_OBJECT, day)

    def end(self, day: date, status: str = "done", first: date | None = None) -> None:
        """End a run."""
        self.now += timedelta(seconds=1)
        self.completed.runs[first or day, day] = (status, self.now)

    def finish(self, day: date) -> None:
        """Run a date from its delivery to its end."""
        self.deliver(day)
        self.load(day)
        self.build(day)
        self.archive(day)
        self.sync(day)
        self.end(day)

    def _record(self, kind: str, name: str, day: date) -> None:
        self.now += timedelta(seconds=1)
        self.completed.times[kind, name, day] = self.now


def _partition(day: date, *, etag: str) -> Partition:
    url = f"s3://bucket/raw/orgs/dt={day}/"
    objects = (S3Object(url=f"{url}a.json", size=1, etag=etag),) if etag else ()
    return Partition("orgs", day, url, objects=objects, is_complete=bool(objects))


def finished_history() -> History:
    """Return a history in which `DAY` and the day before are finished."""
    history = History()
    history.finish(DAY - timedelta(days=1))
    history.finish(DAY)
    return history
