"""How often each kind of dirt occurs in the sample world.

One field a kind. Shares are of the lines of each source the kind belongs to, unless
the comment says otherwise. Besides its rate, each kind is dealt once soon after the
world begins, so that small worlds have it too. Zero switches a kind off. It changes
when the contract names a new way for input to be wrong.
"""

from dataclasses import dataclass, fields, replace

JSON_REJECTS = (
    "not_json",
    "not_an_object",
    "missing_key",
    "null_key",
    "wrong_type",
    "not_utf8",
    "nul_byte",
    "too_long",
)
WEB_REJECTS = (
    "not_combined",
    "bad_authuser",
    "bad_time",
    "not_utf8",
    "nul_byte",
    "too_long",
)
JSON_ODDITIES = ("int_as_text", "timestamp_form", "unknown_key", "null_optional")
ORG_ODDITIES = (*JSON_ODDITIES, "bool_as_text")
WEB_ODDITIES = (
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
LATENESS = (*LATE_DAYS, "future")
ORG_EVENTS = ("org_line_copied", "org_line_outdated")
METRIC_EVENTS = (
    *LATENESS,
    "sample_copied",
    "unknown_org",
    "integration_repeated",
    "negative_count",
)
APP_EVENTS = (
    *LATENESS,
    "copy_in_partition",
    "copy_across_partitions",
    "copy_differs_in_partition",
    "copy_differs_across_partitions",
    "copy_of_another_day",
    "unknown_org",
    "level_case",
)
WEB_EVENTS = LATENESS


@dataclass(frozen=True)
class Rates:
    """Shares of lines, 0 to 1, but for the two numbers that say otherwise."""

    # Rejects never exceed this share of a partition's lines.
    max_rejected: float = 0.01

    # Lines that become rejects. JSON sources, some of the web log as well:
    not_json: float = 0.0008
    not_an_object: float = 0.0002
    missing_key: float = 0.0008
    null_key: float = 0.0004
    wrong_type: float = 0.0008
    not_utf8: float = 0.0003
    nul_byte: float = 0.0002
    too_long: float = 0.00002
    # The web log only:
    not_combined: float = 0.002
    bad_authuser: float = 0.001
    bad_time: float = 0.0005

    # Lines that look odd and must be accepted. JSON sources:
    int_as_text: float = 0.01
    timestamp_form: float = 0.04
    unknown_key: float = 0.02
    null_optional: float = 0.01
    bool_as_text: float = 0.01
    blank_line: float = 0.002
    # The web log:
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

    # Good lines of another day than their partition's:
    late_1_day: float = 0.01
    late_2_days: float = 0.005
    late_3_days: float = 0.003
    future: float = 0.002

    # Good lines that say something twice, or of something unknown:
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

    # Shares of partitions:
    empty_object: float = 0.05
    hidden_object: float = 0.1

    # A number of orgs, none or one, that go on to a plan which no seed has:
    unknown_plan: int = 1

    def of(self, kinds: tuple[str, ...]) -> dict[str, float]:
        """Return the rates of `kinds` by name."""
        return {kind: getattr(self, kind) for kind in kinds}


def clean() -> Rates:
    """Return rates that are all zero: a world without dirt on its lines."""
    zeroes = {field.name: 0.0 for field in fields(Rates)}
    return replace(Rates(), **zeroes)
