"""The mapping: which column of a mart becomes which Salesforce field, and how.

Read from the dbt YAML of the exported model (`config: {meta: {salesforce: ...}}` of
the model and of each column); the mart's contract, the sync and the field doctor all
read this one place. It changes when somebody adds a field there.
"""

import hashlib
import json
import re
from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from loaders.config.settings import PROJECT
from loaders.errors import ConfigError

FieldType = Literal[
    "text", "date", "datetime", "number", "percent", "currency", "checkbox"
]
NUMERIC_TYPES = ("number", "percent", "currency")
NUMERIC_COLUMNS = frozenset(
    {"smallint", "integer", "int", "bigint", "numeric", "decimal"}
    | {"real", "float", "double", "double precision"}
)
SUITABLE_COLUMNS = {
    "text": frozenset({"varchar", "character varying", "text"}),
    "date": frozenset({"date"}),
    "datetime": frozenset({"timestamp", "timestamptz"}),
    "checkbox": frozenset({"boolean", "bool"}),
    "number": NUMERIC_COLUMNS,
    "percent": NUMERIC_COLUMNS,
    "currency": NUMERIC_COLUMNS,
}
VERSION_BYTES = 6
SALESFORCE_MODEL = "sf_trial_metrics"


@dataclass(frozen=True)
class Field:
    """One column of the mart and the Salesforce field that it fills.

    `precision` counts all digits, `scale` those after the point, `length` characters.
    `nulls`: `clear` empties the field, `ignore` leaves what Salesforce has.
    `too_long`: `reject` refuses the row, `truncate` cuts the text.
    `zone`: `utc` declares naive datetimes to be UTC; without it they are refused.
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
        """Whether the field holds a number of any kind."""
        return self.type in NUMERIC_TYPES

    @property
    def whole_digits(self) -> int | None:
        """How many digits may stand before the point; None if nothing says."""
        return None if self.precision is None else self.precision - self.scale


@dataclass(frozen=True)
class Mapping:
    """A model, the Salesforce object it fills, and its fields in column order.

    `data_date` names the column that holds the model's own day, if it has one.
    """

    model: str
    object: str
    external_id: str
    fields: tuple[Field, ...]
    data_date: str | None = None

    @property
    def key(self) -> Field:
        """The field that identifies a record: the object's external id."""
        return next(field for field in self.fields if field.name == self.external_id)

    @property
    def key_position(self) -> int:
        """The key's place among `fields`."""
        return self.fields.index(self.key)

    @property
    def version(self) -> str:
        """A short hash that changes whenever anything about the mapping does."""
        told = json.dumps(asdict(self), sort_keys=True).encode()
        return hashlib.blake2b(told, digest_size=VERSION_BYTES).hexdigest()

    def with_flag(self, name: str) -> "Mapping":
        """Return the mapping with a checkbox that marks rows gone from the mart."""
        flag = Field(column="", name=name, type="checkbox", nulls="ignore")
        return replace(self, fields=(*self.fields, flag))


def load(path: Path | None = None, *, model: str = SALESFORCE_MODEL) -> Mapping:
    """Read the mapping of `model` from a dbt models YAML, by default the project's.

    `ConfigError` lists every problem at once: a column without a mapping, an unknown
    type or key, a missing length, precision or external id, a column whose contract
    (`data_type`) does not fit its field.
    """
    path = path or PROJECT / "models" / "exports" / "_exports__models.yml"
    described = _model(path, model)
    meta = _salesforce(described)
    problems: list[str] = []
    fields = [
        field
        for column in described.get("columns", [])
        if (field := _field(column, problems)) is not None
    ]
    names = {field.name for field in fields}
    for key in ("object", "external_id"):
        if not meta.get(key):
            problems.append(f"meta.salesforce.{key} of the model is missing")
    if meta.get("external_id") and meta["external_id"] not in names:
        problems.append(f"external id {meta['external_id']} is no column of the model")
    for name, times in Counter(field.name.lower() for field in fields).items():
        if times > 1:
            problems.append(f"{name} is filled by {times} columns")
    if problems:
        raise ConfigError(
            f"The Salesforce mapping of {model} in {path.name} cannot be used:\n  "
            + "\n  ".join(problems)
            + "\nMend the YAML and run again."
        )
    return Mapping(
        model=model,
        object=str(meta["object"]),
        external_id=str(meta["external_id"]),
        fields=tuple(fields),
        data_date=meta.get("data_date"),
    )


def _model(path: Path, name: str) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist; it maps {name}.") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not valid YAML: {error}") from None
    for model in document.get("models", []):
        if model.get("name") == name:
            return model
    raise ConfigError(f"{path} describes no model {name}. Add it there.")


def _salesforce(node: dict[str, Any]) -> dict[str, Any]:
    meta = node.get("config", {}).get("meta") or node.get("meta") or {}
    return meta.get("salesforce") or {}


def _field(column: dict[str, Any], problems: list[str]) -> Field | None:
    """Read one column; problems are added to the list, all of them told at once."""
    meta = dict(_salesforce(column))
    name = column.get("name", "?")
    if not meta:
        problems.append(f"{name}: config.meta.salesforce is missing")
        return None
    given = {"column": name, "name": meta.pop("field", name), **meta}
    unknown = sorted(set(given) - set(Field.__dataclass_fields__))
    if unknown:
        problems.append(f"{name}: unknown keys {', '.join(unknown)}")
        return None
    if given.get("type") not in get_args(FieldType):
        known = ", ".join(get_args(FieldType))
        problems.append(f"{name}: type {given.get('type')!r} is none of {known}")
        return None
    field = Field(**given)
    if field.type == "text" and not field.length:
        problems.append(f"{name}: a text needs its length")
    if field.is_numeric and not field.precision:
        problems.append(f"{name}: a {field.type} needs its precision")
    if misfit := _contract_misfit(field, str(column.get("data_type", ""))):
        problems.append(f"{name}: {misfit}")
    for key, known in {
        "nulls": ("clear", "ignore"),
        "too_long": ("reject", "truncate"),
        "zone": (None, "utc"),
    }.items():
        if getattr(field, key) not in known:
            problems.append(f"{name}: {key} {getattr(field, key)!r} is not known")
    return field


def _contract_misfit(field: Field, data_type: str) -> str:
    """Say why a column of the mart's contract does not fit its field, or ''."""
    match = re.fullmatch(r"([a-z ]+?)\s*(?:\(([\d, ]+)\))?", data_type.lower())
    if match is None:
        return ""
    sizes = [int(size) for size in (match[2] or "").split(",") if size.strip()]
    if match[1] not in SUITABLE_COLUMNS[field.type]:
        return f"the contract says {data_type}, the mapping {field.type}"
    whole = field.whole_digits
    if field.is_numeric and len(sizes) == 2 and whole is not None:
        precision, scale = sizes
        if precision - scale > whole or scale > field.scale:
            return (
                f"the contract says {data_type}, the mapping "
                f"({field.precision}, {field.scale})"
            )
    return ""
