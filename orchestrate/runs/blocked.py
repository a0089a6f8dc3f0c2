"""What a failure keeps from being done, by the graph of models and what hangs on it."""

from collections.abc import Sequence
from dataclasses import dataclass

from loaders.salesforce.mapping import SALESFORCE_MODEL
from orchestrate.dbt.graph import Graph
from orchestrate.planning.archives import DATASETS
from orchestrate.runs.outcome import TaskEnd

LOADS = ("RawPartition", "LoadRawTable")
MODEL = "DbtModel"
ARCHIVE = "ArchiveDataset"
SYNC = "SyncTrialMetricsToSalesforce"
REPORT = "MailReport"
STAGES = (*LOADS, MODEL, ARCHIVE, SYNC, REPORT)


@dataclass(frozen=True)
class Blocked:
    """What was not done because of the failures, themselves aside."""

    models: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    salesforce: bool = False
    report: bool = False
    is_whole_night: bool = False

    @property
    def is_nothing(self) -> bool:
        """Whether nothing waits."""
        return self == Blocked()


def in_order(failures: Sequence[TaskEnd], graph: Graph | None) -> list[TaskEnd]:
    """Return the failures in the order of the flow: the first cause comes first."""
    places = {name: place for place, name in enumerate(graph.nodes if graph else ())}

    def place(end: TaskEnd) -> tuple[int, int]:
        stage = STAGES.index(end.task) if end.task in STAGES else -1
        return stage, places.get(end.thing, 0)

    return sorted(failures, key=place)


def blocked(failures: Sequence[TaskEnd], graph: Graph | None) -> Blocked:
    """Return all that waits for the failed tasks, however far below them."""
    if graph is None or any(end.task not in STAGES for end in failures):
        return Blocked(is_whole_night=True)
    sources = {end.thing for end in failures if end.task in LOADS}
    failed = {end.thing for end in failures if end.task == MODEL}
    reading = {node.name for node in graph.nodes.values() if sources & node.sources}
    missing = graph.below(failed | reading)
    archived = {end.thing for end in failures if end.task == ARCHIVE}
    return Blocked(
        models=tuple(name for name in graph.nodes if name in missing - failed),
        datasets=tuple(
            name
            for name, dataset in DATASETS.items()
            if dataset.relation in missing and name not in archived
        ),
        salesforce=SALESFORCE_MODEL in missing,
        report=all(end.task != REPORT for end in failures),
    )
