"""What a report is made of: the data date, the environment and the dbt vars."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class ReportRequest:
    """What to report on: data date, environment, and the dbt vars of its models.

    `changed_partitions` are older than the run's window and changed after they were
    loaded: source, dt, and the command that takes the change in. Without
    `salesforce_url` or `looker_url` the report has no links to them.
    """

    data_date: date
    env: str
    version: str
    variables: Mapping[str, Any]
    salesforce_object: str
    salesforce_url: str = ""
    looker_url: str = ""
    changed_partitions: Sequence[Row] = ()
