"""Runs dbt in this process: parses the project and builds models.

This is the only module that imports dbt. The parsed manifest is cached under `var/dbt`,
so a build starts without parsing. dbt is not safe to run twice at once in one process;
the Luigi resource `dbt` prevents it.
"""

import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest
from dbt_common.events.base_types import EventMsg

from loaders import interruption, warehouse
from loaders.config import dbt_profile
from loaders.config.settings import PROJECT
from loaders.errors import ConfigError, DataError, MachineError, TransientError
from orchestrate import logs
from orchestrate.dbt.artifacts import LOG_FILE, PARSED_PROJECT, TARGET_FOLDER

# The methods of a logger by dbt's levels; its debug lines are in its own log.
LOG_METHODS = {"info": "info", "warn": "warning", "error": "error"}

log = structlog.get_logger(logs.DBT_LOGGER)


@dataclass(frozen=True)
class NodeResult:
    """dbt's result for one node; `failures` counts the rows that violate a test."""

    unique_id: str
    status: str
    seconds: float
    message: str
    rows: int | None
    failures: int | None = None

    @property
    def name(self) -> str:
        """The node's name: the third part of its unique id."""
        return self.unique_id.split(".")[2]

    @property
    def has_passed(self) -> bool:
        """Whether downstream models may be built: success, or a warning."""
        return self.status in ("success", "pass", "warn")


def parse() -> None:
    """Parse the project and cache its manifest; raise `ConfigError` if dbt cannot."""
    result = dbtRunner().invoke(["parse", *_common_arguments()])
    _restore_luigi_logging()
    interruption.check()
    if isinstance(result.exception, OSError) and not result.exception.filename:
        raise MachineError(
            f"dbt cannot create its locks in /dev/shm: {result.exception}. Let this "
            "user write there; in a container, mount it as tmpfs."
        )
    if not result.success:
        raise ConfigError(
            f"dbt cannot parse the project: {result.exception}. "
            "Correct the file that it names, then check with `dbt parse`."
        )


def build(
    names: Iterable[str],
    *,
    variables: dict[str, str],
    is_full_refresh: bool,
    on_start: Callable[[str, str], None],
    on_result: Callable[[NodeResult], None],
) -> list[NodeResult]:
    """Build models and seeds with their tests, and single tests, parents first.

    dbt's threads call `on_start` with the unique id of each node that they start and
    the id of the invocation, and `on_result` as each node ends, except for skipped
    nodes. Failed nodes are in the returned results. Raises `TransientError` if dbt did
    not start because the warehouse is unreachable, `DataError` if it did not start
    otherwise.
    """
    if warehouse.is_single_writer():
        from orchestrate.dbt import row_counts

        row_counts.install()
    else:
        from orchestrate.dbt import connections

        connections.install()
    manifest = Manifest.from_msgpack(PARSED_PROJECT.read_bytes())
    # Hooks read `graph`, which a manifest loaded from disk does not have.
    manifest.build_flat_graph()
    runner = dbtRunner(
        manifest=manifest, callbacks=[_event_listener(on_start, on_result)]
    )
    arguments = ["build", *_common_arguments(), "--select", *names]
    arguments += ["--vars", json.dumps(variables)]
    arguments += ["--exclude-resource-type", "unit_test"]
    # Runs only tests whose models are all built. A test of a model further downstream
    # must not fail a build that does not include that model.
    arguments += ["--indirect-selection", "buildable"]
    arguments.append("--no-write-json")  # saves a second; the ledger has the results
    if is_full_refresh:
        arguments.append("--full-refresh")
    result = runner.invoke(arguments)
    _restore_luigi_logging()
    interruption.check()  # dbt turns an interruption into a failed result.
    return _node_results(result)


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


def _restore_luigi_logging() -> None:
    """Stop Luigi's lines from being logged twice: dbtRunner adds a root handler."""
    logging.getLogger("luigi-interface").propagate = False


def _event_listener(
    on_start: Callable[[str, str], None],
    on_result: Callable[[NodeResult], None],
) -> Callable[[EventMsg], None]:
    def listen(event: EventMsg) -> None:
        _log_event(event)
        if event.info.name == "NodeStart":
            on_start(event.data.node_info.unique_id, event.info.invocation_id)
        if event.info.name != "NodeFinished":
            return
        data = event.data
        on_result(
            NodeResult(
                unique_id=data.node_info.unique_id,
                status=data.node_info.node_status,
                seconds=data.run_result.execution_time,
                message=data.run_result.message,
                rows=_row_count(dict(data.run_result.adapter_response)),
                failures=data.run_result.num_failures,
            )
        )

    return listen


def _log_event(event: EventMsg) -> None:
    """Log a line of dbt with the model or test that it is about."""
    if event.info.level in LOG_METHODS:
        node_info = getattr(event.data, "node_info", None)
        name = str(getattr(node_info, "node_name", "") or "")
        fields = {"node": name} if name else {}
        write = getattr(log, LOG_METHODS[event.info.level])
        write(event.info.msg.strip(), dbt_event=event.info.name, **fields)


def _node_results(result: dbtRunnerResult) -> list[NodeResult]:
    run_results = getattr(result.result, "results", None)
    if run_results is None:
        if known := warehouse.machine_problem(str(result.exception)):
            raise MachineError(known)
        is_transient = warehouse.is_transient(str(result.exception))
        raise (TransientError if is_transient else DataError)(
            f"dbt did not finish: {result.exception}. "
            f"Look for the cause in its log, {LOG_FILE}, then run again."
        )
    return [
        NodeResult(
            unique_id=run_result.node.unique_id,
            status=str(run_result.status),
            seconds=run_result.execution_time,
            message=run_result.message or "",
            rows=_row_count(run_result.adapter_response or {}),
            failures=run_result.failures,
        )
        for run_result in run_results
    ]


def _row_count(adapter_response: dict[str, object]) -> int | None:
    """Return the number of affected rows; None if it is missing or -1 (unknown)."""
    rows_affected = adapter_response.get("rows_affected")
    count = -1.0 if rows_affected is None else float(str(rows_affected))
    return int(count) if count >= 0 else None
