"""What a failed task blocks downstream, by the graph of models and exports."""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrate.dbt.graph import Graph
from orchestrate.planning.archives import DATASETS
from orchestrate.planning.exports import scheduled_exports
from orchestrate.runs.outcome import TaskResult

LOADS = ("RawPartition", "LoadRawTable")
MODEL = "DbtModel"
ARCHIVE = "ArchiveDataset"
SYNCS = ("SyncTrialMetricsToSalesforce", "SyncAccountsToSalesforce")
REPORT = "MailReport"
# Task classes in the order of the data flow.
STAGES = (*LOADS, MODEL, ARCHIVE, *SYNCS, REPORT)


@dataclass(frozen=True)
class Blocked:
    """What could not run because of failed tasks, without those tasks themselves."""

    models: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    salesforce: bool = False
    report: bool = False
    is_everything: bool = False

    @property
    def is_nothing(self) -> bool:
        """Whether nothing is blocked."""
        return self == Blocked()


def sort_by_flow(
    failures: Sequence[TaskResult], graph: Graph | None
) -> list[TaskResult]:
    """Return the failures in the order of the data flow, the root cause first."""
    positions = {
        name: position for position, name in enumerate(graph.nodes if graph else ())
    }

    def position(failure: TaskResult) -> tuple[int, int]:
        stage = STAGES.index(failure.task) if failure.task in STAGES else -1
        return stage, positions.get(failure.subject, 0)

    return sorted(failures, key=position)


def find_blocked(failures: Sequence[TaskResult], graph: Graph | None) -> Blocked:
    """Return everything downstream of the failed tasks.

    Without a graph, or if the root task itself failed, everything is blocked.
    """
    if graph is None or any(failure.task not in STAGES for failure in failures):
        return Blocked(is_everything=True)
    sources = {failure.subject for failure in failures if failure.task in LOADS}
    failed_models = {failure.subject for failure in failures if failure.task == MODEL}
    failed_datasets = {
        failure.subject for failure in failures if failure.task == ARCHIVE
    }
    readers = {node.name for node in graph.nodes.values() if sources & node.sources}
    not_built = graph.with_dependents(failed_models | readers)
    return Blocked(
        models=tuple(name for name in graph.nodes if name in not_built - failed_models),
        datasets=tuple(
            name
            for name, dataset in DATASETS.items()
            if dataset.relation in not_built and name not in failed_datasets
        ),
        salesforce=any(e.model in not_built for e in scheduled_exports()),
        report=all(failure.task != REPORT for failure in failures),
    )
