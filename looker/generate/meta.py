"""The keys of `config.meta.looker`, and how they are read.

A table (a mart, or a ledger in `ops` that is a source):

    label: Org Activity         # of the view and the explore
    description: ...            # instead of the first paragraph of dbt's description
    rows: org days              # what the measure `count` counts, in the plural
    newest: metric_date         # a snapshot: its rows repeat on each of these dates
    drill: [org_name, hosts]    # columns to show when a user drills into a measure
    org: org_id                 # the org's id, which links the org to Salesforce
    link: Trial in Salesforce   # for exports: the name of that link
    groups: {Trial: [org_day]}  # headings in the field picker
    primary_key: [org_id]       # only without exactly one test of a unique key
    current: {by: [source, dt], newest: finished_at, where: {status: [loaded]}}
    grouped: {by: [load_id, reason], count: rejects}  # rows are counted per `by`
    explore: false              # only joined
    measures:
      - {name: orgs, type: count_distinct, column: org_id, description: ...}
    joins:
      - {to: org_trial_metrics_latest, by: {org_id: org_id}}

A measure with `{metric}` in its name exists once per metric of the var `usage_metrics`,
or with `metrics: is_included_in_plans` once per metric with this flag; `{label}` is the
metric's label. In a snapshot a `sum` becomes the average of the days,
so that it is never added over nights; `adds_up: true` is for events, which may be.

A column: `label`, `format`, `group`, `tiers` (lower limits of classes), `hidden`. Its
`pii` meta makes it a field for users with the access grant only.
"""

from collections.abc import Mapping
from typing import Any

from loaders.config.dbt_project import METRIC_FLAGS
from looker.generate import shapes
from looker.generate.catalog import METRIC, metrics
from looker.generate.tables import (
    Column,
    CurrentRows,
    GroupedRows,
    Join,
    Measure,
    invalid_meta,
)

MEASURE_TYPES = frozenset(
    {"average", "count_distinct", "max", "median", "min", "number", "sum"}
)
# The type of each key's value, as `shapes.problem` checks it.
KEYS: dict[str, dict[str, type]] = {
    "mart": {
        **dict.fromkeys(("label", "rows", "description", "newest", "org", "link"), str),
        **dict.fromkeys(("drill", "primary_key", "measures", "joins"), list),
        **dict.fromkeys(("groups", "current", "grouped"), dict),
        "explore": bool,
    },
    "column": {
        **dict.fromkeys(("label", "format", "group"), str),
        "tiers": list,
        "hidden": bool,
    },
    "measure": {
        **dict.fromkeys(("name", "type", "column", "sql", "label"), str),
        **dict.fromkeys(("description", "format", "metrics"), str),
        "where": dict,
        "adds_up": bool,
    },
    "join": {"to": str, "by": dict},
    "current": {"by": list, "newest": str, "where": dict},
    "grouped": {"by": list, "count": str},
}
REQUIRED_KEYS = {
    "mart": ("label", "rows"),
    "column": (),
    "measure": ("name", "type", "description"),
    "join": ("to", "by"),
    "current": ("by", "newest"),
    "grouped": ("by", "count"),
}

Node = Mapping[str, Any]


def of_table(node: Node) -> dict[str, Any]:
    """Return the `looker` meta of a table; `ConfigError` if it is invalid."""
    return _looker_meta(node, "mart", node["name"])


def has_meta(node: Node) -> bool:
    """Return whether a node has `looker` meta."""
    return bool(_meta(node).get("looker"))


def salesforce_object(node: Node) -> str:
    """Return the Salesforce object that a mart is sent to; '' if there is none."""
    return str((_meta(node).get("salesforce") or {}).get("object", ""))


def parse_column(table: str, node: Node, groups: Mapping[str, str]) -> Column:
    """Return a column of a table; `groups` maps columns to their headings."""
    meta = _looker_meta(node, "column", f"{table}.{node['name']}")
    return Column(
        name=node["name"],
        data_type=str(node["data_type"] or "").lower(),
        description=first_paragraph(node["description"]),
        label=meta.get("label", ""),
        format=meta.get("format", ""),
        group=meta.get("group") or groups.get(node["name"], ""),
        tiers=tuple(meta.get("tiers", ())),
        is_hidden=bool(meta.get("hidden")),
        is_personal=bool(_meta(node).get("pii")),
    )


def parse_groups(meta: Mapping[str, Any]) -> dict[str, str]:
    """Return the heading of each column that is in a group."""
    groups = meta.get("groups") or {}
    return {
        name: str(heading) for heading, names in groups.items() for name in names or ()
    }


def parse_measures(table: str, metas: list[dict[str, Any]]) -> list[Measure]:
    """Return the measures; one with `{metric}` exists once per metric."""
    measures = []
    for meta in metas:
        _check(meta, "measure", table)
        if METRIC in str(meta.get("name")):
            measures += [
                _parse_measure(table, _for_metric(meta, name, label))
                for name, label in _metrics(table, meta).items()
            ]
        else:
            measures.append(_parse_measure(table, meta))
    return measures


def parse_join(table: str, meta: dict[str, Any]) -> Join:
    """Return a join."""
    _check(meta, "join", table)
    return Join(to=meta.get("to", ""), by=dict(meta.get("by", {})))


def parse_current(table: str, meta: dict[str, Any] | None) -> CurrentRows | None:
    """Return which rows of a ledger are current; None if all of them are."""
    if meta is None:
        return None
    _check(meta, "current", table)
    where = {name: tuple(each) for name, each in (meta.get("where") or {}).items()}
    return CurrentRows(tuple(meta["by"]), meta["newest"], where)


def parse_grouped(table: str, meta: dict[str, Any] | None) -> GroupedRows | None:
    """Return how a ledger's rows are counted; None if each row is shown."""
    if meta is None:
        return None
    _check(meta, "grouped", table)
    return GroupedRows(tuple(meta["by"]), meta["count"])


def first_paragraph(text: str) -> str:
    """Return the first paragraph of a description, which is for its readers."""
    return " ".join(text.strip().partition("\n\n")[0].split())


def _metrics(table: str, meta: dict[str, Any]) -> dict[str, str]:
    """Return the labels of the metrics that a measure exists for."""
    flag = meta.get("metrics", "")
    if flag and flag not in METRIC_FLAGS:
        raise invalid_meta(
            table,
            f"measure {meta['name']} is for metrics with {flag}, which is not one of "
            f"{', '.join(METRIC_FLAGS)}",
        )
    return metrics(flag)


def _for_metric(meta: dict[str, Any], name: str, label: str) -> dict[str, Any]:
    return {
        key: value.replace(METRIC, name).replace("{label}", label.lower())
        if isinstance(value, str)
        else value
        for key, value in meta.items()
    }


def _parse_measure(table: str, meta: dict[str, Any]) -> Measure:
    if meta["type"] not in MEASURE_TYPES:
        raise invalid_meta(
            table,
            f"measure {meta['name']} has type {meta['type']}, which is not one of "
            f"{', '.join(sorted(MEASURE_TYPES))}",
        )
    is_over_measures = meta["type"] == "number"
    required = ("sql", "format") if is_over_measures else ("column",)
    for key in required:
        if not meta.get(key):
            raise invalid_meta(
                table, f"measure {meta['name']} ({meta['type']}) needs a {key}"
            )
    return Measure(
        name=meta["name"],
        type=meta["type"],
        description=" ".join(meta["description"].split()),
        column=meta.get("column", ""),
        sql=meta.get("sql", ""),
        label=meta.get("label", ""),
        format=meta.get("format", ""),
        where={
            name: shapes.filter_value(value)
            for name, value in meta.get("where", {}).items()
        },
        adds_up=bool(meta.get("adds_up")),
    )


def _looker_meta(node: Node, kind: str, name: str) -> dict[str, Any]:
    meta = _meta(node).get("looker") or {}
    _check(meta, kind, name)
    return {key: value for key, value in meta.items() if value is not None}


def _meta(node: Node) -> Node:
    return node.get("config", {}).get("meta") or node.get("meta") or {}


def _check(meta: object, kind: str, name: str) -> None:
    cause = shapes.problem(meta, KEYS[kind], REQUIRED_KEYS[kind])
    if cause:
        where = "" if kind in ("mart", "column") else f"in a {kind}, "
        raise invalid_meta(name, f"{where}{cause}")
