"""Preflight: the right org, and an object that can take what the mapping sends.

Read from `Organization` and the object's description, before anything is written.
It changes when the admin changes the object, or the mapping gets another field. All
problems are told in one message.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import structlog

from loaders.errors import ConfigError
from loaders.salesforce.client import Client
from loaders.salesforce.failures import NotFoundError
from loaders.salesforce.mapping import Field, Mapping

TEXT_TYPES = {
    "string",
    "textarea",
    "picklist",
    "multipicklist",
    "combobox",
    "email",
    "phone",
    "url",
    "id",
    "reference",
    "encryptedstring",
}
NUMBER_TYPES = {"double", "currency", "percent", "int", "long"}
SUITABLE = {
    "text": TEXT_TYPES,
    "number": NUMBER_TYPES,
    "percent": NUMBER_TYPES,
    "currency": NUMBER_TYPES,
    "date": {"date"},
    "datetime": {"datetime"},
    "checkbox": {"boolean"},
}

log = structlog.get_logger()


@dataclass(frozen=True)
class Destination:
    """The object in its org, as far as a sync must know it.

    `picklists` gives the values that a restricted picklist takes, by field name.
    """

    org_id: str
    is_sandbox: bool
    object: str
    is_key_case_sensitive: bool
    warnings: tuple[str, ...] = ()
    picklists: dict[str, frozenset[str]] = field(default_factory=dict)

    def fold(self, key: str) -> str:
        """Return the form of a key under which Salesforce would look for it."""
        return key if self.is_key_case_sensitive else key.lower()

    def mapping_version(self, mapping: Mapping) -> str:
        """Return `<org id>/<mapping>`: what was sent to another org says nothing."""
        return f"{self.org_id}/{mapping.version}"


def check(
    client: Client, mapping: Mapping, *, expect_sandbox: bool | None
) -> Destination:
    """Look at org and object; return what a sync must know of them.

    `ConfigError` lists every problem at once. Nothing is written.
    """
    organization = client.organization()
    problems = [] if expect_sandbox is None else _guard(organization, expect_sandbox)
    warnings: list[str] = []
    if expect_sandbox is None:
        warnings.append(
            "NIGHTSHIFT_SALESFORCE__EXPECT_SANDBOX is not set, so nobody checks "
            f"that this is the right org (is a sandbox: {organization.is_sandbox})"
        )
    described = _described(client, mapping, problems)
    known = {item["name"].lower(): item for item in described.get("fields", [])}
    if described:
        problems += _object_problems(described, mapping)
        for mapped in mapping.fields:
            problems += field_problems(mapped, known.get(mapped.name.lower()))
        problems += _unmapped_required(described["fields"], mapping)
        problems += _key_problems(known.get(mapping.external_id.lower()), warnings)
        warnings += _null_warnings(mapping, known)
    if problems:
        raise ConfigError(
            f"{mapping.object} cannot take {mapping.model}:\n  "
            + "\n  ".join(problems)
            + "\nMend the object or the mapping; nothing was sent."
        )
    for warning in warnings:
        log.warning("salesforce preflight", object=mapping.object, warning=warning)
    key = known[mapping.external_id.lower()]
    return Destination(
        org_id=organization.id,
        is_sandbox=organization.is_sandbox,
        object=mapping.object,
        is_key_case_sensitive=bool(key.get("caseSensitive")),
        warnings=tuple(warnings),
        picklists=_picklists(mapping, known),
    )


def _guard(organization: Any, expect_sandbox: bool) -> list[str]:  # noqa: ANN401 - an Organization
    if organization.is_sandbox == expect_sandbox:
        return []
    wanted, found = "a sandbox", "a production org"
    if not expect_sandbox:
        wanted, found = found, wanted
    return [
        f"the org {organization.id} is {found}, but "
        f"NIGHTSHIFT_SALESFORCE__EXPECT_SANDBOX wants {wanted}"
    ]


def _described(client: Client, mapping: Mapping, problems: list[str]) -> dict[str, Any]:
    try:
        return client.describe(mapping.object)
    except NotFoundError:
        problems.append(
            f"there is no object {mapping.object}, or the user may not see it"
        )
        return {}


def _object_problems(described: dict[str, Any], mapping: Mapping) -> list[str]:
    return [
        f"{mapping.object} is not {right} for this user"
        for right in ("createable", "updateable")
        if not described.get(right)
    ]


def field_problems(mapped: Field, found: dict[str, Any] | None) -> list[str]:
    """Say why a described field (None if absent) cannot take a mapped one."""
    name = mapped.name
    if found is None:
        return [f"{name} is not there, or field-level security hides it"]
    problems = [
        f"{name} is not {right} for this user"
        for right in ("createable", "updateable")
        if not found.get(right)
    ]
    if found["type"] not in SUITABLE[mapped.type]:
        return [
            *problems,
            f"{name} is a {found['type']}, the mapping says {mapped.type}",
        ]
    length = found.get("length") or 0
    if mapped.type == "text" and length and length < (mapped.length or 0):
        problems.append(f"{name} holds {length} characters, not {mapped.length}")
    if mapped.is_numeric:
        problems += _number_problems(mapped, found)
    return problems


def _number_problems(mapped: Field, found: dict[str, Any]) -> list[str]:
    if found["type"] in ("int", "long"):
        whole, scale = found.get("digits") or 0, 0
    else:
        scale = found.get("scale") or 0
        whole = (found.get("precision") or 0) - scale
    problems = []
    if whole and mapped.whole_digits is not None and whole < mapped.whole_digits:
        problems.append(
            f"{mapped.name} holds {whole} digits before the point, "
            f"not {mapped.whole_digits}"
        )
    if scale < mapped.scale:
        problems.append(
            f"{mapped.name} holds {scale} digits after the point, not {mapped.scale}"
        )
    return problems


def _unmapped_required(fields: Iterable[dict[str, Any]], mapping: Mapping) -> list[str]:
    mapped = {item.name.lower() for item in mapping.fields}
    return [
        f"{item['name']} is required by the object, but the mapping does not fill it"
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
            f"{key['name']} is not unique in Salesforce; two records may share a key"
        )
    return []


def _null_warnings(mapping: Mapping, known: dict[str, dict[str, Any]]) -> list[str]:
    return [
        f"{item.name} cannot be emptied in Salesforce; rows without it will be refused"
        for item in mapping.fields
        if item.nulls == "clear"
        and item.type != "checkbox"
        and item.name != mapping.external_id
        and not (known.get(item.name.lower()) or {"nillable": True}).get("nillable")
    ]


def _picklists(
    mapping: Mapping, known: dict[str, dict[str, Any]]
) -> dict[str, frozenset[str]]:
    """Return the active values of each mapped picklist that takes no others."""
    return {
        item.name: frozenset(
            value["value"] for value in found["picklistValues"] if value.get("active")
        )
        for item in mapping.fields
        if (found := known[item.name.lower()]).get("restrictedPicklist")
    }
