"""What another user does to records in Salesforce, between the syncs."""

from typing import Any

from tests.loaders.salesforce.fixtures import MAPPING, SalesforceOrg

OTHER_USER = "005000000000OTHERS"


def has(salesforce: SalesforceOrg, key: str) -> bool:
    """Return whether a record with this key exists and is not deleted."""
    return bool(_find(salesforce, key))


def edit(salesforce: SalesforceOrg, key: str, **values: object) -> None:
    """Change fields of a record."""
    _store(salesforce, _find(salesforce, key) | values)


def delete(salesforce: SalesforceOrg, key: str, *, is_purged: bool = False) -> None:
    """Delete a record, also from the recycle bin if it `is_purged`."""
    record = _find(salesforce, key)
    if is_purged:
        salesforce.org.store.delete_records(salesforce.sobject, [record["Id"]])
    else:
        _store(salesforce, record | {"IsDeleted": True})


def create(salesforce: SalesforceOrg, key: str) -> None:
    """Create a record with a key and nothing else."""
    record_id = salesforce.org.store.new_id(salesforce.sobject.key_prefix)
    values = {"Id": record_id, "IsDeleted": False, MAPPING.external_id: key}
    _store(salesforce, values)


def _find(salesforce: SalesforceOrg, key: str) -> dict[str, Any]:
    sobject = salesforce.sobject
    field = sobject.field(MAPPING.external_id)
    assert field is not None
    found = salesforce.org.store.find_by_key(sobject, field, [key.lower()])
    names = (item.name for item in sobject.fields)
    return next(
        (dict(zip(names, record, strict=True)) for (record,) in found.values()), {}
    )


def _store(salesforce: SalesforceOrg, values: dict[str, object]) -> None:
    changed_at = salesforce.org.author().at
    values = {
        **values,
        "LastModifiedById": OTHER_USER,
        "LastModifiedDate": changed_at,
        "SystemModstamp": changed_at,
    }
    record = tuple(
        values.get(item.name, item.default) for item in salesforce.sobject.fields
    )
    salesforce.org.store.put_records(salesforce.sobject, [record])
