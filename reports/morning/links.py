"""Links to Salesforce records and to Looker's explores."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import quote, urlencode

MODEL = "nightshift"
ORG_DAYS = 28


@dataclass(frozen=True)
class Explore:
    """What a link shows of an explore: its fields, and the dimension of its date.

    `sorts` is in Looker's syntax. All fields are dimensions of the view of that name.
    """

    date_field: str
    fields: tuple[str, ...]
    sorts: str


EXPLORES: Mapping[str, Explore] = {
    "interesting_trials": Explore(
        "generated_date",
        ("trial_rank", "org_name", "reasons", "days_left_in_trial", "hosts"),
        "trial_rank",
    ),
    "big_customer_usage": Explore(
        "metric_date",
        ("usage_rank", "org_name", "hosts", "hosts_week_change"),
        "usage_rank",
    ),
    "free_account_usage": Explore(
        "metric_date",
        ("org_name", "limits_reached", "hosts", "hosts_above"),
        "limits_reached desc",
    ),
    "org_activity": Explore(
        "metric_date",
        ("metric_date", "account_state", "hosts", "log_events", "active_users"),
        "metric_date desc",
    ),
}


@dataclass(frozen=True)
class Links:
    """The addresses of records and lists; '' where a service is not configured."""

    data_date: date
    salesforce_url: str = ""
    looker_url: str = ""

    def record(self, record_id: str) -> str:
        """Return the address of a Salesforce record."""
        if not (self.salesforce_url and record_id):
            return ""
        return f"{self.salesforce_url.rstrip('/')}/{quote(record_id, safe='')}"

    def mart(self, name: str) -> str:
        """Return the address of a mart's rows of the data date in Looker."""
        return self._explore(name, {EXPLORES[name].date_field: str(self.data_date)})

    def org(self, org_id: int) -> str:
        """Return the address of an org's last four weeks in Looker."""
        first = self.data_date - timedelta(days=ORG_DAYS - 1)
        until = self.data_date + timedelta(days=1)  # Looker excludes the second date
        return self._explore(
            "org_activity",
            {"org_id": str(org_id), "metric_date": f"{first} to {until}"},
        )

    def _explore(self, name: str, filters: Mapping[str, str]) -> str:
        if not self.looker_url:
            return ""
        explore = EXPLORES[name]
        query = {
            "fields": ",".join(f"{name}.{field}" for field in explore.fields),
            **{f"f[{name}.{field}]": value for field, value in filters.items()},
            "sorts": f"{name}.{explore.sorts}",
        }
        encoded = urlencode(query, quote_via=quote, safe=",[]")
        return f"{self.looker_url.rstrip('/')}/explore/{MODEL}/{name}?{encoded}"
