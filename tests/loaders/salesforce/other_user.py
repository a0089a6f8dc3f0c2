"""What another user does to records in Salesforce, between the syncs."""

from typing import Any

from loaders.config.salesforce_mapping import Mapping
from tests.emulators.salesforce.objects.schema import SObject
from tests.loaders.salesforce.fixtures import MAPPING, SalesforceOrg

OTHER_USER = "005000000000OTHERS"


def has(salesforce: SalesforceOrg, key: str, mapping: Mapping = MAPPING) -> bool:
    """Return whether a record with this key exists and is not deleted."""
    return bool(_find(salesforce, key, mapping))


def edit(
    salesforce: SalesforceOrg, key: str, mapping: Mapping = MAPPING, **values: object
) -> None:
    """Change fields of a record."""
    _store(salesforce, _find(salesforce, key, mapping) | values, mapping)


def delete(
    salesforce: SalesforceOrg,
    key: str,
    mapping: Mapping = MAPPING,
    *,
    is_purged: bool = False,
) -> None:
    """Delete a record, also from the recycle bin if it `is_purged`."""
    record = _find(salesforce, key, mapping)
    if is_purged:
        salesforce.org.store.delete_records(
            _sobject(salesforce, mapping), [record["Id"]]
        )
    else:
        _store(salesforce, record | {"IsDeleted": True}, mapping)


def create(
    salesforce: SalesforceOrg, key: str | None, mapping: Mapping = MAPPING
) -> None:
    """Create a record with a key and nothing else."""
    record_id = salesforce.org.store.new_id(_sobject(salesforce, mapping).key_prefix)
    values = {"Id": record_id, "IsDeleted": False, mapping.external_id: key}
    _store(salesforce, values, mapping)


def _sobject(salesforce: SalesforceOrg, mapping: Mapping) -> SObject:
    sobject = salesforce.org.schema.get(mapping.object)
    assert sobject is not None
    return sobject


def _find(salesforce: SalesforceOrg, key: str, mapping: Mapping) -> dict[str, Any]:
    sobject = _sobject(salesforce, mapping)
    field = sobject.field(mapping.external_id)
    assert field is not None
    found = salesforce.org.store.find_by_key(sobject, field, [key.lower()])
    names = (item.name for item in sobject.fields)
    return next(
        (dict(zip(names, record, strict=True)) for (record,) in found.values()), {}
    )


def _store(
    salesforce: SalesforceOrg, values: dict[str, object], mapping: Mapping
) -> None:
    changed_at = salesforce.org.author().at
    values = {
        **values,
        "LastModifiedById": OTHER_USER,
        "LastModifiedDate": changed_at,
        "SystemModstamp": changed_at,
    }
    sobject = _sobject(salesforce, mapping)
    record = tuple(values.get(item.name, item.default) for item in sobject.fields)
    salesforce.org.store.put_records(sobject, [record])
