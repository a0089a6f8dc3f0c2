"""dbt in this process: parse the project, build models. The one importer of dbt.

A parsed manifest is kept under `var/dbt`, so a build starts without parsing. dbt is
not safe twice at once in one process; the Luigi resource `dbt` keeps it to one.
"""

import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest
from dbt_common.events.base_types import EventMsg

from loaders import warehouse
from loaders.config import dbt_profile
from loaders.config.settings import PROJECT
from loaders.errors import ConfigError, DataError, TransientError
from orchestrate.dbt.artifacts import LOG_FILE, PARSED_PROJECT, TARGET_FOLDER


@dataclass(frozen=True)
class NodeResult:
    """How dbt ended one node: model, seed or test."""

    unique_id: str
    resource_type: str
    status: str
    seconds: float
    message: str
    rows: int | None
    depends_on: tuple[str, ...]

    @property
    def name(self) -> str:
        """The node's name: the third part of its id, kind and project aside."""
        return self.unique_id.split(".")[2]

    @property
    def is_good(self) -> bool:
        """A warning is good enough to go on."""
        return self.status in ("success", "pass", "warn")


def parse() -> None:
    """Parse the project and keep its manifest; `ConfigError` says what is wrong."""
    result = dbtRunner().invoke(["parse", *_common_arguments()])
    _quieten()
    if not result.success:
        raise ConfigError(
            f"dbt cannot read the project: {result.exception}. "
            "Mend what it names, then try `dbt parse`."
        )


def build(
    names: Iterable[str],
    *,
    variables: dict[str, str],
    is_full_refresh: bool,
    on_result: Callable[[NodeResult], None],
) -> list[NodeResult]:
    """Build models and seeds with their tests, parents first.

    `on_result` is called from dbt's threads as each node ends, skipped ones aside.
    What failed is in the result, not raised; `DataError` only if dbt did not start,
    `TransientError` if that was for want of an answer from the warehouse.
    """
    manifest = Manifest.from_msgpack(PARSED_PROJECT.read_bytes())
    manifest.build_flat_graph()  # hooks read `graph`, which a kept manifest lacks
    runner = dbtRunner(manifest=manifest, callbacks=[_listener(manifest, on_result)])
    arguments = ["build", *_common_arguments(), "--select", *names]
    arguments += ["--vars", json.dumps(variables)]
    arguments += ["--exclude-resource-type", "unit_test"]
    # Only tests whose tables are all there: one of a model further down must not
    # fail a build that has not come to that model.
    arguments += ["--indirect-selection", "buildable"]
    arguments.append("--no-write-json")  # the ledger keeps the results; a second less
    if is_full_refresh:
        arguments.append("--full-refresh")
    result = runner.invoke(arguments)
    _quieten()
    return _results(manifest, result)


def _common_arguments() -> list[str]:
    return [
        *("--project-dir", str(PROJECT)),
        *("--profiles-dir", str(dbt_profile.profiles_file().parent)),
        *("--target", dbt_profile.target().name),
        *("--target-path", str(TARGET_FOLDER)),
        *("--log-path", str(LOG_FILE.parent)),
        *("--log-level", "none", "--no-use-colors", "--no-version-check"),
        "--no-send-anonymous-usage-stats",
    ]


def _quieten() -> None:
    """DbtRunner adds a handler to the root logger: Luigi's lines would come twice."""
    logging.getLogger("luigi-interface").propagate = False


def _listener(
    manifest: Manifest, on_result: Callable[[NodeResult], None]
) -> Callable[[EventMsg], None]:
    def listen(event: EventMsg) -> None:
        if event.info.name != "NodeFinished":
            return
        told = event.data
        on_result(
            _node_result(
                manifest,
                told.node_info.unique_id,
                status=told.node_info.node_status,
                seconds=told.run_result.execution_time,
                message=told.run_result.message,
                answer=dict(told.run_result.adapter_response),
            )
        )

    return listen


def _results(manifest: Manifest, result: dbtRunnerResult) -> list[NodeResult]:
    answers = getattr(result.result, "results", None)
    if answers is None:
        is_passing = warehouse.is_transient(str(result.exception))
        raise (TransientError if is_passing else DataError)(
            f"dbt did not finish: {result.exception}. Its log is {LOG_FILE}."
        )
    return [
        _node_result(
            manifest,
            answer.node.unique_id,
            status=str(answer.status),
            seconds=answer.execution_time,
            message=answer.message or "",
            answer=answer.adapter_response or {},
        )
        for answer in answers
    ]


def _node_result(
    manifest: Manifest,
    unique_id: str,
    *,
    status: str,
    seconds: float,
    message: str,
    answer: dict[str, object],
) -> NodeResult:
    node = manifest.nodes[unique_id]
    return NodeResult(
        unique_id=unique_id,
        resource_type=str(node.resource_type),
        status=status,
        seconds=seconds,
        message=message,
        rows=_count(answer.get("rows_affected")),
        depends_on=tuple(node.depends_on_nodes),
    )


def _count(told: object) -> int | None:
    """Read an adapter's row count; some say -1 or nothing where they cannot tell."""
    count = -1.0 if told is None else float(str(told))
    return int(count) if count >= 0 else None
