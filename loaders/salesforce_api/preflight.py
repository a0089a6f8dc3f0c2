"""The preflight check: compare the Salesforce org and object with the settings.

It reads `Organization` and the object's description before anything is written, and
reports all problems in one message. The daily limits are checked before rows are sent.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import structlog

from loaders.config.salesforce_mapping import Field, Mapping
from loaders.config.salesforce_policy import SyncPolicy
from loaders.errors import ConfigError
from loaders.salesforce_api import row_errors
from loaders.salesforce_api.client import Client
from loaders.salesforce_api.request_errors import (
    ForbiddenError,
    NotFoundError,
    QuotaExhaustedError,
)

TEXT_TYPES = {
    *("string", "textarea", "picklist", "multipicklist", "combobox", "email"),
    *("phone", "url", "id", "reference", "encryptedstring"),
}
NUMBER_TYPES = {"double", "currency", "percent", "int", "long"}
FIELD_TYPES = {
    "text": TEXT_TYPES,
    "number": NUMBER_TYPES,
    "percent": NUMBER_TYPES,
    "currency": NUMBER_TYPES,
    "date": {"date"},
    "datetime": {"datetime"},
    "checkbox": {"boolean"},
}

API_REQUESTS, BULK_BATCHES = "API requests", "bulk batches"
LIMITS = {API_REQUESTS: "DailyApiRequests", BULK_BATCHES: "DailyBulkApiBatches"}
ROWS_PER_BATCH = 10_000
REQUESTS_PER_JOB = 30  # create, upload, close, three result files, and polling

log = structlog.get_logger()


@dataclass(frozen=True)
class Destination:
    """The Salesforce object and the Salesforce org that contains it.

    `picklists` has the allowed values of each restricted picklist, by field name.
    `fields_version` is a hash of what the mapped fields accept: types, lengths, values.
    """

    salesforce_org_id: str
    is_sandbox: bool
    object: str
    is_key_case_sensitive: bool
    warnings: tuple[str, ...] = ()
    picklists: dict[str, frozenset[str]] = field(default_factory=dict)
    fields_version: str = ""

    def fold(self, key: str) -> str:
        """Return the key in lower case, unless the key field is case-sensitive."""
        return key if self.is_key_case_sensitive else key.lower()

    def mapping_version(self, mapping: Mapping) -> str:
        """Return `<org id>/<mapping version>`, because each org has its own state."""
        return f"{self.salesforce_org_id}/{mapping.version}"


def check(
    client: Client, mapping: Mapping, *, expect_sandbox: bool | None
) -> Destination:
    """Check the org and the object, and return them as a `Destination`.

    Raises `ConfigError` with a list of all problems. With `expect_sandbox` None, both
    production orgs and sandboxes are accepted.
    """
    organization = client.organization()
    problems: list[str] = []
    warnings: list[str] = []
    if expect_sandbox is not None:
        if organization.is_sandbox != expect_sandbox:
            problems.append(
                f"the org {organization.id} is {_org_kind(organization.is_sandbox)},"
                " but NIGHTSHIFT_SALESFORCE__EXPECT_SANDBOX expects"
                f" {_org_kind(expect_sandbox)}"
            )
    else:
        warnings.append(
            f"the org {organization.id} is {_org_kind(organization.is_sandbox)}; set "
            "NIGHTSHIFT_SALESFORCE__EXPECT_SANDBOX to have this checked"
        )
    description = _describe(client, mapping, problems)
    descriptions = {
        item["name"].lower(): item for item in description.get("fields", [])
    }
    if description:
        needed = ("createable", "updateable") if mapping.creates else ("updateable",)
        problems += _forbidden(mapping.object, description, needed)
        for mapped in mapping.fields:
            found = descriptions.get(mapped.name.lower())
            is_written = mapped in mapping.sent_fields
            problems += _field_problems(mapped, found, needed if is_written else ())
        if mapping.creates:
            problems += _unmapped_required(description["fields"], mapping)
        problems += _key_problems(
            descriptions.get(mapping.external_id.lower()), warnings
        )
        warnings += _null_warnings(mapping, descriptions)
    if problems:
        raise ConfigError(
            f"{mapping.model} cannot be sent to {mapping.object}:\n  "
            + "\n  ".join(problems)
            + "\nNothing was sent. Correct the object or the mapping, then run again."
        )
    for warning in warnings:
        log.warning("salesforce preflight", object=mapping.object, warning=warning)
    key = descriptions[mapping.external_id.lower()]
    return Destination(
        salesforce_org_id=organization.id,
        is_sandbox=organization.is_sandbox,
        object=mapping.object,
        is_key_case_sensitive=bool(key.get("caseSensitive")),
        warnings=tuple(warnings),
        picklists=_picklists(mapping, descriptions),
        fields_version=row_errors.fields_version(mapping, descriptions),
    )


def _org_kind(is_sandbox: bool) -> str:
    return "a sandbox" if is_sandbox else "a production org"


def _describe(client: Client, mapping: Mapping, problems: list[str]) -> dict[str, Any]:
    try:
        return client.describe(mapping.object)
    except NotFoundError:
        problems.append(
            f"object {mapping.object} does not exist, or the user may not see it"
        )
        return {}


def _forbidden(
    subject: str, described: dict[str, Any], permissions: Sequence[str]
) -> list[str]:
    """Return what the user may not do with a described object or field."""
    lacking = (name for name in permissions if not described.get(name))
    return [f"{subject} is not {permission} for this user" for permission in lacking]


def _field_problems(
    mapped: Field, described: dict[str, Any] | None, permissions: Sequence[str]
) -> list[str]:
    """Return why a described field (None if absent) does not fit its mapping."""
    name = mapped.name
    if described is None:
        return [f"{name} does not exist, or field-level security hides it"]
    problems = _forbidden(name, described, permissions)
    kind = described["type"]
    if kind not in FIELD_TYPES[mapped.type]:
        problems.append(f"{name} is a {kind} field, but the mapping has {mapped.type}")
        return problems
    length = described.get("length") or 0
    if mapped.type == "text" and 0 < length < (mapped.length or 0):
        problems.append(
            f"{name} allows {length} characters, but the mapping has {mapped.length}"
        )
    if mapped.is_numeric:
        problems += _number_problems(mapped, described)
    return problems


def _number_problems(mapped: Field, described: dict[str, Any]) -> list[str]:
    if described["type"] in ("int", "long"):
        whole, scale = described.get("digits") or 0, 0
    else:
        scale = described.get("scale") or 0
        whole = (described.get("precision") or 0) - scale
    problems = []
    if whole and mapped.whole_digits is not None and whole < mapped.whole_digits:
        problems.append(
            f"{mapped.name} allows {whole} digits before the decimal point, "
            f"but the mapping has {mapped.whole_digits}"
        )
    if scale < mapped.scale:
        problems.append(
            f"{mapped.name} allows {scale} digits after the decimal point, "
            f"but the mapping has {mapped.scale}"
        )
    return problems


def _unmapped_required(fields: Iterable[dict[str, Any]], mapping: Mapping) -> list[str]:
    mapped = {item.name.lower() for item in mapping.fields}
    return [
        f"{item['name']} is required by the object, but is not in the mapping"
        for item in fields
        if not item.get("nillable")
        and not item.get("defaultedOnCreate")
        and item.get("createable")
        and item["name"].lower() not in mapped
    ]


def _key_problems(key: dict[str, Any] | None, warnings: list[str]) -> list[str]:
    if key is None:
        return []
    if not key.get("externalId"):
        return [f"{key['name']} is not an external id of the object"]
    if not key.get("unique"):
        warnings.append(
            f"{key['name']} is not unique in Salesforce, "
            "so two records may have the same key"
        )
    return []


def _null_warnings(
    mapping: Mapping, descriptions: dict[str, dict[str, Any]]
) -> list[str]:
    return [
        f"{item.name} cannot be null in Salesforce; rows without it will be rejected"
        for item in mapping.fields
        if item.nulls == "clear"
        and item.type != "checkbox"
        and item.name != mapping.external_id
        and not (descriptions.get(item.name.lower()) or {"nillable": True}).get(
            "nillable"
        )
    ]


def _picklists(
    mapping: Mapping, descriptions: dict[str, dict[str, Any]]
) -> dict[str, frozenset[str]]:
    """Return the active values of each mapped restricted picklist."""
    return {
        item.name: frozenset(
            value["value"]
            for value in described["picklistValues"]
            if value.get("active")
        )
        for item in mapping.fields
        if (described := descriptions[item.name.lower()]).get("restrictedPicklist")
    }


def check_quota(client: Client, rows: int, size: int, policy: SyncPolicy) -> None:
    """Check that enough of the daily limits is left to send rows of `size` bytes.

    Raises `QuotaExhaustedError` when less than the reserve would remain.
    """
    required = {API_REQUESTS: ceil(rows / policy.collection_rows), BULK_BATCHES: 0}
    if rows > policy.bulk_above_rows:
        jobs = 1 + max(size // policy.chunk_bytes, rows // policy.chunk_rows)
        required[API_REQUESTS] = jobs * REQUESTS_PER_JOB
        required[BULK_BATCHES] = ceil(rows / ROWS_PER_BATCH) + jobs - 1
    reserve = policy.quota_reserve_ratio
    shortages = [
        f"{count} {resource} needed, {left} of {limit} left, of which "
        f"{ceil(limit * reserve)} are kept in reserve"
        for resource, (left, limit) in _read_limits(client).items()
        if (count := required[resource]) and left - count < limit * reserve
    ]
    if shortages:
        raise QuotaExhaustedError(
            "Too little of Salesforce's daily limits remains for this sync: "
            + "; ".join(shortages)
            + ". Nothing was sent. Run again after the limits reset."
        )


def _read_limits(client: Client) -> dict[str, tuple[int, int]]:
    """Return (remaining, limit) of each limit that is known."""
    try:
        limits = client.limits()
    except ForbiddenError:
        log.warning(
            "the user may not read /limits; bulk batches are not checked",
            read_instead="Sforce-Limit-Info header",
            usage=client.usage,
        )
        if client.usage is None:
            return {}
        used, allowed = client.usage
        return {API_REQUESTS: (allowed - used, allowed)}
    return {
        resource: (limits[name]["Remaining"], limits[name]["Max"])
        for resource, name in LIMITS.items()
        if name in limits
    }
