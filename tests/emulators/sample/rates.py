"""The kinds of dirt in the sample world, and how often each occurs.

There are three groups of kinds:

- rejects: corrupt lines, which the loaders must reject;
- variants: valid lines in an unusual form, with the same meaning;
- anomalies: valid lines that are late, repeated, or have unusual values.
"""

from dataclasses import dataclass, fields, replace
from typing import Any

Kinds = tuple[str, ...]

JSON_REJECTS: Kinds = (
    "not_json",
    "not_an_object",
    "missing_key",
    "null_key",
    "wrong_type",
    "not_utf8",
    "nul_byte",
    "too_long",
)
WEB_REJECTS: Kinds = (
    "not_combined",
    "bad_authuser",
    "bad_time",
    "not_utf8",
    "nul_byte",
    "too_long",
)
JSON_VARIANTS: Kinds = ("int_as_text", "timestamp_form", "unknown_key", "null_optional")
ORG_VARIANTS: Kinds = (*JSON_VARIANTS, "bool_as_text")
WEB_VARIANTS: Kinds = (
    "offset_time",
    "agent_escaped_quotes",
    "agent_emoji",
    "agent_script",
    "agent_empty",
    "request_dash",
    "request_garbage",
    "request_absolute",
    "path_encoded",
    "size_dash",
    "address_ipv6",
    "trailing_blank",
)
LATE_DAYS = {"late_1_day": 1, "late_2_days": 2, "late_3_days": 3}
LATE_OR_FUTURE: Kinds = (*LATE_DAYS, "future")
ORG_ANOMALIES: Kinds = ("org_line_copied", "org_line_outdated")
METRIC_ANOMALIES: Kinds = (
    *LATE_OR_FUTURE,
    "sample_copied",
    "unknown_org",
    "integration_repeated",
    "negative_count",
)
APP_ANOMALIES: Kinds = (
    *LATE_OR_FUTURE,
    "copy_in_partition",
    "copy_across_partitions",
    "copy_differs_in_partition",
    "copy_differs_across_partitions",
    "copy_of_another_day",
    "unknown_org",
    "level_case",
)
WEB_ANOMALIES: Kinds = LATE_OR_FUTURE


@dataclass(frozen=True)
class Rates:
    """The rate of each kind of dirt.

    A rate is a share, from 0 to 1, of the lines of each source that has the kind,
    unless a comment states otherwise. In addition each kind with a rate above zero
    occurs once near the start of the world, so that small worlds have it as well.
    """

    # The maximum share of rejects in a partition.
    max_rejected: float = 0.01

    # Rejects of the JSON sources; the web log has the last three as well.
    not_json: float = 0.0008
    not_an_object: float = 0.0002
    missing_key: float = 0.0008
    null_key: float = 0.0004
    wrong_type: float = 0.0008
    not_utf8: float = 0.0003
    nul_byte: float = 0.0002
    too_long: float = 0.00002
    # Rejects of the web log only.
    not_combined: float = 0.002
    bad_authuser: float = 0.001
    bad_time: float = 0.0005

    # Variants of the JSON sources; blank lines occur in all sources.
    int_as_text: float = 0.01
    timestamp_form: float = 0.04
    unknown_key: float = 0.02
    null_optional: float = 0.01
    bool_as_text: float = 0.01
    blank_line: float = 0.002
    # Variants of the web log.
    offset_time: float = 0.02
    agent_escaped_quotes: float = 0.004
    agent_emoji: float = 0.002
    agent_script: float = 0.001
    agent_empty: float = 0.004
    request_dash: float = 0.002
    request_garbage: float = 0.001
    request_absolute: float = 0.001
    path_encoded: float = 0.01
    size_dash: float = 0.02
    address_ipv6: float = 0.02
    trailing_blank: float = 0.001

    # Anomalies: lines of another day than their partition's.
    late_1_day: float = 0.01
    late_2_days: float = 0.005
    late_3_days: float = 0.003
    future: float = 0.002

    # Anomalies: repeated lines and unusual values.
    org_line_copied: float = 0.003
    org_line_outdated: float = 0.005
    sample_copied: float = 0.003
    unknown_org: float = 0.001
    integration_repeated: float = 0.01
    negative_count: float = 0.0003
    copy_in_partition: float = 0.005
    copy_across_partitions: float = 0.005
    copy_differs_in_partition: float = 0.002
    copy_differs_across_partitions: float = 0.002
    copy_of_another_day: float = 0.0005
    level_case: float = 0.02

    # Objects, as a share of partitions.
    empty_object: float = 0.05
    hidden_object: float = 0.1

    # The number of orgs, 0 or 1, with a plan that is not in the seed.
    unknown_plan: int = 1

    def select(self, kinds: Kinds) -> dict[str, float]:
        """Return the rates of `kinds` by kind."""
        return {kind: getattr(self, kind) for kind in kinds}


def clean_rates() -> Rates:
    """Return rates that are all zero."""
    zeroes: dict[str, Any] = {field.name: 0.0 for field in fields(Rates)}
    return replace(Rates(), **zeroes)
