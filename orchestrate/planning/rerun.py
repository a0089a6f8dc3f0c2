"""Ask for parts of a night again: rows in the ledgers that make them undone."""

from datetime import date

from loaders import ledger, warehouse
from loaders.errors import ConfigError
from loaders.ledger.reports import NIGHT
from loaders.warehouse.declared_tables import raw_tables
from orchestrate.planning import run_state
from orchestrate.planning.archives import DATASETS
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
    """Note what to do again; nothing named means the whole night.

    `ConfigError` names what does not exist. A model takes all below it along.
    """
    state = run_state.refreshed(data_date, env=env, version=version)
    graph = state.graph
    everything = not (sources or models or datasets or salesforce or report)
    _require_known("source", sources, raw_tables())
    _require_known("model", models, graph.nodes)
    _require_known("dataset", datasets, DATASETS)
    names = {
        "load": list(raw_tables()) if everything else sources or [],
        "model": sorted(graph.nodes if everything else graph.below(models or [])),
        "archive": list(DATASETS) if everything else datasets or [],
        "sync": [run_state.SALESFORCE_OBJECT] if everything or salesforce else [],
        "report": [NIGHT] if everything or report else [],
    }
    with warehouse.transaction() as connection:
        warehouse.ensure_tables(connection)
        ledger.request_rerun(
            connection,
            data_date,
            names=names,
            env=env,
            version=version,
            run_id=RUN_ID,
        )
    run_state.forget()


def _require_known(
    kind: str, given: list[str] | None, known: dict[str, object]
) -> None:
    unknown = sorted(set(given or []) - set(known))
    if unknown:
        raise ConfigError(
            f"No such {kind}: {', '.join(unknown)}. Known: {', '.join(sorted(known))}."
        )
