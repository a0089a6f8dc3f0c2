"""Rerun requests: ledger rows that make finished parts of a run stale."""

from collections.abc import Collection
from datetime import date

from loaders import ledger, warehouse
from loaders.errors import ConfigError
from loaders.ledger.reports import REPORT_NAME
from loaders.warehouse.declared_tables import raw_tables
from orchestrate.planning import finality, run_state
from orchestrate.planning.archives import DATASETS
from orchestrate.planning.exports import scheduled_exports
from orchestrate.planning.later_dates import last_dates
from orchestrate.run_id import RUN_ID


def request_rerun(
    data_date: date,
    *,
    env: str,
    version: str,
    sources: list[str] | None,
    models: list[str] | None,
    datasets: list[str] | None,
    salesforce: bool,
    report: bool = False,
) -> None:
    """Record a rerun request for the named parts, or for the whole run without names.

    A model includes its descendants. A requested sync is that of the date that a run
    sends: the latest complete one. Raises `ConfigError` for an unknown name, and for a
    final date.
    """
    state = run_state.reload(data_date, env=env, version=version)
    finality.require_open(state.completed, data_date)
    graph = state.graph
    everything = not (sources or models or datasets or salesforce or report)
    _require_known("source", sources, raw_tables())
    _require_known("model", models, graph.nodes)
    _require_known("dataset", datasets, DATASETS)
    objects = [export.object for export in scheduled_exports()]
    requested = graph.nodes if everything else graph.with_descendants(models or [])
    names = {
        "load": list(raw_tables()) if everything else sources or [],
        "model": sorted(requested),
        "archive": list(DATASETS) if everything else datasets or [],
        "sync": objects if everything or salesforce else [],
        "report": [REPORT_NAME] if everything or report else [],
    }
    sync_date = last_dates(state).synced if salesforce else data_date
    requests = {data_date: names}
    if sync_date != data_date:
        requests = {
            data_date: names | {"sync": []},
            sync_date: {"sync": names["sync"]},
        }
    with warehouse.transaction() as connection:
        warehouse.ensure_tables(connection, run_id=RUN_ID)
        for day, requested_names in requests.items():
            ledger.request_rerun(
                connection,
                day,
                names=requested_names,
                env=env,
                version=version,
                run_id=RUN_ID,
            )
    run_state.clear_cache()


def _require_known(
    kind: str, requested: list[str] | None, known: Collection[str]
) -> None:
    unknown = sorted(set(requested or []) - set(known))
    if unknown:
        raise ConfigError(
            f"No such {kind}: {', '.join(unknown)}. "
            f"Choose from: {', '.join(sorted(known))}."
        )
