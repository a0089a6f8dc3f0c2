"""The mappings from the marts' columns to the fields of Salesforce objects.

They are read from the dbt YAML of the exported models: `config: {meta: {salesforce:
...}}` of the model and of each column. Every model in `models/exports` that has it can
be synced. The sync and the doctor both use the mapping.
"""

import hashlib
import json
import re
from collections import Counter
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from loaders.config.environment import PROJECT
from loaders.config.yaml_files import read_mapping
from loaders.errors import ConfigError

Operation = Literal["upsert", "update"]
FieldType = Literal[
    "text", "date", "datetime", "number", "percent", "currency", "checkbox"
]
NUMERIC_TYPES = ("number", "percent", "currency")
NUMERIC_COLUMN_TYPES = frozenset(
    {"smallint", "integer", "int", "bigint", "numeric", "decimal"}
    | {"real", "float", "double", "double precision"}
)
COLUMN_TYPES = {
    "text": frozenset({"varchar", "character varying", "text"}),
    "date": frozenset({"date"}),
    "datetime": frozenset({"timestamp", "timestamptz"}),
    "checkbox": frozenset({"boolean", "bool"}),
    "number": NUMERIC_COLUMN_TYPES,
    "percent": NUMERIC_COLUMN_TYPES,
    "currency": NUMERIC_COLUMN_TYPES,
}
VERSION_BYTES = 6
MODEL_KEYS = ("object", "external_id", "data_date", "operation")
EXPORTS = PROJECT / "models" / "exports"
SALESFORCE_MODEL = "sf_trial_metrics"
SALESFORCE_OBJECT = "Trial_Metrics__c"


@dataclass(frozen=True)
class Field:
    """One column of the mart and the Salesforce field that it fills.

    `precision` counts all digits, `scale` those after the decimal point, and `length`
    characters. `nulls`: `clear` empties the field, `ignore` leaves it unchanged.
    `too_long`: `reject` rejects the row, `truncate` cuts the text. `zone`: `utc` means
    that datetimes without a time zone are UTC; without it they are rejected.
    """

    column: str
    name: str
    type: FieldType
    length: int | None = None
    precision: int | None = None
    scale: int = 0
    nulls: Literal["clear", "ignore"] = "clear"
    too_long: Literal["reject", "truncate"] = "reject"
    zone: Literal["utc"] | None = None

    @property
    def is_numeric(self) -> bool:
        """Whether the field holds a number, percentage or currency."""
        return self.type in NUMERIC_TYPES

    @property
    def whole_digits(self) -> int | None:
        """The number of digits allowed before the decimal point; None if unlimited."""
        return None if self.precision is None else self.precision - self.scale


@dataclass(frozen=True)
class Mapping:
    """A model, the Salesforce object it fills, and its fields in column order.

    `data_date` is the column that holds the model's data date, if it has one. With the
    operation `update`, only records that exist are changed, and their key is not
    written.
    """

    model: str
    object: str
    external_id: str
    fields: tuple[Field, ...]
    data_date: str | None = None
    operation: Operation = "upsert"

    @property
    def key(self) -> Field:
        """The field that identifies a record: the object's external id."""
        return next(field for field in self.fields if field.name == self.external_id)

    @property
    def key_position(self) -> int:
        """The index of the key in `fields`."""
        return self.fields.index(self.key)

    @property
    def creates(self) -> bool:
        """Whether a record is created for a key that Salesforce does not have."""
        return self.operation == "upsert"

    @property
    def result_key(self) -> str:
        """The column of a job's rows that identifies a row in its results."""
        return self.external_id if self.creates else "Id"

    @property
    def sent_fields(self) -> tuple[Field, ...]:
        """The fields that are written: without the key if no record is created."""
        return tuple(f for f in self.fields if self.creates or f != self.key)

    @property
    def version(self) -> str:
        """A short hash of the whole mapping."""
        values = asdict(self)
        if self.creates:
            del values["operation"]  # earlier versions of the ledger do not have it
        text = json.dumps(values, sort_keys=True).encode()
        return hashlib.blake2b(text, digest_size=VERSION_BYTES).hexdigest()

    def with_flag(self, name: str) -> "Mapping":
        """Return the mapping plus a checkbox that marks rows missing from the mart."""
        flag = Field(column="", name=name, type="checkbox", nulls="ignore")
        return replace(self, fields=(*self.fields, flag))


@cache
def load_all(folder: Path = EXPORTS) -> tuple[Mapping, ...]:
    """Read the mappings of all exported models, those of `Trial_Metrics__c` first.

    Raises `ConfigError` for an invalid mapping, and if two models fill one object.
    """
    mappings = [
        _load(path, model["name"])
        for path in sorted(folder.rglob("*.yml"))
        for model in read_mapping(path).get("models") or []
        if _salesforce_meta(model)
    ]
    first = {item.object.lower(): item.model for item in reversed(mappings)}
    for mapping in mappings:
        if (other := first[mapping.object.lower()]) != mapping.model:
            raise ConfigError(
                f"{other} and {mapping.model} both fill the Salesforce object "
                f"{mapping.object}. Correct meta.salesforce.object of one of them."
            )
    return tuple(sorted(mappings, key=lambda item: item.model != SALESFORCE_MODEL))


def find(object_name: str) -> Mapping:
    """Return the mapping of an object; `ConfigError` if no model is exported to it."""
    for mapping in load_all():
        if mapping.object.lower() == object_name.lower():
            return mapping
    raise ConfigError(
        f"No model is exported to the Salesforce object {object_name}. "
        f"Choose from: {', '.join(mapping.object for mapping in load_all())}."
    )


def load(path: Path | None = None, *, model: str = SALESFORCE_MODEL) -> Mapping:
    """Return the mapping of `model`, from the project's exports or a dbt models YAML.

    Raises `ConfigError` with a list of all problems: a column without a mapping, an
    unknown type, key or operation, a missing length, precision or external id, or a
    column whose contract, its `data_type`, does not fit its field.
    """
    if path:
        return _load(path, model)
    for mapping in load_all():
        if mapping.model == model:
            return mapping
    raise ConfigError(
        f"{model} in {EXPORTS} has no Salesforce mapping. Add meta.salesforce to it."
    )


def _load(path: Path, model: str) -> Mapping:
    described = _read_model(path, model)
    meta = _salesforce_meta(described)
    problems: list[str] = []
    fields = [
        field
        for column in described.get("columns", [])
        if (field := _parse_field(column, problems)) is not None
    ]
    problems += _model_problems(meta, fields)
    if problems:
        raise ConfigError(
            f"The Salesforce mapping of {model} in {path.name} is invalid:\n  "
            + "\n  ".join(problems)
            + "\nCorrect the YAML and run again."
        )
    return Mapping(
        model=model,
        object=str(meta["object"]),
        external_id=str(meta["external_id"]),
        fields=tuple(fields),
        data_date=meta.get("data_date"),
        operation=meta.get("operation", "upsert"),
    )


def _model_problems(meta: dict[str, Any], fields: list[Field]) -> list[str]:
    """Return what is wrong with the model's own meta, or with its fields together."""
    problems = [
        f"meta.salesforce.{key} of the model is missing"
        for key in ("object", "external_id")
        if not meta.get(key)
    ]
    unknown = sorted(set(meta) - set(MODEL_KEYS))
    if unknown:
        problems.append(f"unknown keys of the model: {', '.join(unknown)}")
    if meta.get("operation", "upsert") not in get_args(Operation):
        problems.append(
            f"operation {meta['operation']!r} is not one of "
            f"{', '.join(get_args(Operation))}"
        )
    names = {field.name for field in fields}
    if meta.get("external_id") and meta["external_id"] not in names:
        problems.append(
            f"external id {meta['external_id']} is not a column of the model"
        )
    if meta.get("data_date") and meta["data_date"] not in {f.column for f in fields}:
        problems.append(f"data_date {meta['data_date']} is not a column of the model")
    for name, count in Counter(field.name.lower() for field in fields).items():
        if count > 1:
            problems.append(f"{name} is filled by {count} columns")
    return problems


def _read_model(path: Path, name: str) -> dict[str, Any]:
    models: list[dict[str, Any]] = read_mapping(path).get("models") or []
    for model in models:
        if model.get("name") == name:
            return model
    raise ConfigError(f"{path} does not describe the model {name}. Add it there.")


def _salesforce_meta(node: dict[str, Any]) -> dict[str, Any]:
    meta = node.get("config", {}).get("meta") or node.get("meta") or {}
    return meta.get("salesforce") or {}


def _parse_field(column: dict[str, Any], problems: list[str]) -> Field | None:
    """Return a column's field, or None; append all its problems to `problems`."""
    meta = dict(_salesforce_meta(column))
    name = column.get("name", "?")
    if not meta:
        problems.append(f"{name}: config.meta.salesforce is missing")
        return None
    values = {"column": name, "name": meta.pop("field", name), **meta}
    unknown = sorted(set(values) - set(Field.__dataclass_fields__))
    if unknown:
        problems.append(f"{name}: unknown keys {', '.join(unknown)}")
        return None
    if values.get("type") not in get_args(FieldType):
        types = ", ".join(get_args(FieldType))
        problems.append(f"{name}: type {values.get('type')!r} is not one of {types}")
        return None
    field = Field(**values)
    if field.type == "text" and not field.length:
        problems.append(f"{name}: a text field needs a length")
    if field.is_numeric and not field.precision:
        problems.append(f"{name}: a {field.type} field needs a precision")
    if conflict := _contract_conflict(field, str(column.get("data_type", ""))):
        problems.append(f"{name}: {conflict}")
    allowed_values: dict[str, tuple[str | None, ...]] = {
        "nulls": ("clear", "ignore"),
        "too_long": ("reject", "truncate"),
        "zone": (None, "utc"),
    }
    for key, allowed in allowed_values.items():
        if getattr(field, key) not in allowed:
            problems.append(f"{name}: {key} {getattr(field, key)!r} is unknown")
    return field


def _contract_conflict(field: Field, data_type: str) -> str:
    """Return why a column's `data_type` does not fit its field, '' if it fits.

    A wider number type is no conflict: a value with more digits than the field allows
    is rejected with its row.
    """
    match = re.fullmatch(r"([a-z ]+?)\s*(?:\(([\d, ]+)\))?", data_type.lower())
    if match is None:
        return ""
    sizes = [int(size) for size in (match[2] or "").split(",") if size.strip()]
    if match[1] not in COLUMN_TYPES[field.type]:
        return f"data_type is {data_type}, but the mapping has type {field.type}"
    if field.is_numeric and len(sizes) == 2 and sizes[1] > field.scale:
        return f"data_type is {data_type}, but the mapping has scale {field.scale}"
    return ""
