"""Compares models in two sets of schemas: columns, rows, and values by column.

Two statements per model, whatever its size: one counts, one reads a few examples.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from loaders import warehouse
from loaders.errors import ConfigError
from loaders.warehouse import Connection
from loaders.warehouse.other_target import Side, other_side, own_side
from loaders.warehouse.table_columns import read_columns
from reports.comparison import statements
from reports.comparison.statements import ADDED, CHANGED, REMOVED, Pair

HIDDEN = "(hidden)"
IDENTICAL, DIFFERENT, NEW, NOT_COMPARABLE = (
    "identical",
    "different",
    "new",
    "not comparable",
)

Texts = dict[str, str | None]


@dataclass(frozen=True)
class ComparedModel:
    """A model to compare: its schema without a prefix, its key, what may be shown.

    `shown` are the columns whose values are not personal.
    """

    name: str
    schema: str
    relation: str
    key: tuple[str, ...]
    shown: frozenset[str]


@dataclass(frozen=True)
class ColumnChange:
    """A column that was added (`before` is None), removed or changed its type."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class ValueExample:
    """A changed value; hidden values are `HIDDEN`, nulls are None."""

    key: Texts
    before: str | None
    after: str | None


@dataclass(frozen=True)
class ValueChange:
    """A column with changed values: in how many rows, and the first of them."""

    column: str
    rows: int
    examples: Sequence[ValueExample] = ()


@dataclass(frozen=True)
class Comparison:
    """What differs between two versions of a model.

    `status` is identical, different, new (there is no other version) or not comparable,
    and `note` explains it. `repeated_keys` is the number of rows whose key an earlier
    row has; they are paired in any order.
    """

    model: str
    status: str
    key: Sequence[str]
    rows_before: int | None = None
    rows_after: int | None = None
    added: int = 0
    removed: int = 0
    changed: int = 0
    repeated_keys: int = 0
    columns: Sequence[ColumnChange] = ()
    values: Sequence[ValueChange] = ()
    added_examples: Sequence[Texts] = ()
    removed_examples: Sequence[Texts] = ()
    note: str = ""


@dataclass(frozen=True)
class Result:
    """The comparison of all models of `target` with those of `against`."""

    target: str
    against: str
    models: Sequence[Comparison] = field(default_factory=list)

    @property
    def has_changes(self) -> bool:
        """Whether any model is not identical."""
        return any(model.status != IDENTICAL for model in self.models)


def compare(
    models: Sequence[ComparedModel], *, against: str, is_chosen: bool
) -> Result:
    """Compare models of the target with those of another target or DuckDB file.

    `is_chosen` is whether the user named the models: then each must exist on both
    sides. Otherwise, models that the target has not built are left out. Raises
    `ConfigError` with the next step if a side or a model is missing.
    """
    if not warehouse.exists():
        raise ConfigError(
            f"The warehouse {warehouse.location()} does not exist. Build it first: "
            "nightshift run --date D"
        )
    own = own_side()
    with warehouse.session() as connection, other_side(connection, against) as other:
        pairs = _Columns(connection, models, own=own, other=other)
        return Result(
            target=own.name,
            against=other.name,
            models=[
                _compare(connection, model, pairs, is_chosen=is_chosen)
                for model in models
                if is_chosen or pairs.of(own, model) is not None
            ],
        )


class _Columns:
    """The columns of all models on both sides."""

    def __init__(
        self,
        connection: Connection,
        models: Sequence[ComparedModel],
        *,
        own: Side,
        other: Side,
    ) -> None:
        self.own, self.other = own, other
        self._connection = connection
        names = {model.schema for model in models}
        self._types = {
            side: read_columns(
                connection,
                [side.schema(name) for name in names],
                database=side.database,
            ).types
            for side in (own, other)
            if names
        }

    def of(self, side: Side, model: ComparedModel) -> dict[str, str] | None:
        """Return the columns' types by name, None if the relation does not exist."""
        found = self._types[side].get((side.schema(model.schema), model.relation))
        if found is None or found:
            return found
        name = side.relation(model.schema, model.relation)
        return dict(  # the catalog has no columns of a view that is bound late
            self._connection.columns(
                f"-- reports.comparison.compare columns\nselect * from {name}"
            )
        )


def _compare(
    connection: Connection, model: ComparedModel, columns: _Columns, *, is_chosen: bool
) -> Comparison:
    new_types = columns.of(columns.own, model)
    old_types = columns.of(columns.other, model)
    if new_types is None:
        raise ConfigError(
            f"{columns.own.name} has no {columns.own.schema(model.schema)}."
            f"{model.relation}. Build it first: dbt build --select {model.name}"
        )
    if old_types is None:
        missing = f"{columns.other.schema(model.schema)}.{model.relation}"
        if is_chosen:
            raise ConfigError(
                f"{columns.other.name} has no {missing}: the model is new there, or "
                "--against names another warehouse. Leave the model out, or correct "
                "--against."
            )
        return Comparison(
            model.name, NEW, model.key, note=f"{columns.other.name} has no {missing}."
        )
    changes = list(_column_changes(old_types, new_types))
    if missing_key := [
        n for n in model.key if n not in old_types or n not in new_types
    ]:
        return Comparison(
            model.name,
            NOT_COMPARABLE,
            model.key,
            columns=changes,
            note=f"Rows cannot be paired: {', '.join(missing_key)} of the key does not "
            "exist on both sides.",
        )
    pair = Pair(
        old=columns.other.relation(model.schema, model.relation),
        new=columns.own.relation(model.schema, model.relation),
        old_types=old_types,
        new_types=new_types,
        key=model.key,
    )
    return _compare_rows(connection, model, pair, changes)


def _compare_rows(
    connection: Connection,
    model: ComparedModel,
    pair: Pair,
    changes: Sequence[ColumnChange],
) -> Comparison:
    row = connection.fetch_one(
        f"-- reports.comparison.compare count {model.name}\n"
        f"{statements.count_statement(pair)}"
    )
    before, after, added, removed, changed, repeated, *by_column = (
        int(number or 0) for number in row or ()
    )
    rows = dict(zip(pair.columns, by_column, strict=True))
    names = [name for name, number in rows.items() if number]
    examples = _Examples(model, names)
    if added or removed or names:
        examples.read(connection, pair)
    is_same = not (added or removed or changed or changes)
    return Comparison(
        model=model.name,
        status=IDENTICAL if is_same else DIFFERENT,
        key=model.key,
        rows_before=before,
        rows_after=after,
        added=added,
        removed=removed,
        changed=changed,
        repeated_keys=repeated,
        columns=changes,
        values=[ValueChange(name, rows[name], examples.values[name]) for name in names],
        added_examples=examples.rows[ADDED],
        removed_examples=examples.rows[REMOVED],
        note=f"The key is not unique: {repeated:,} rows repeat it." if repeated else "",
    )


class _Examples:
    """A few keys of added and removed rows, and a few values of changed columns."""

    def __init__(self, model: ComparedModel, names: Sequence[str]) -> None:
        self.rows: dict[str, list[Texts]] = {ADDED: [], REMOVED: [], CHANGED: []}
        self.values: dict[str, list[ValueExample]] = {name: [] for name in names}
        self._model = model
        self._names = names

    def read(self, connection: Connection, pair: Pair) -> None:
        """Read them with one query."""
        shown = self._model.shown
        statement = statements.example_statement(pair, self._names, set(shown))
        for kind, *values in connection.fetch_all(
            f"-- reports.comparison.compare examples {self._model.name}\n{statement}"
        ):
            texts = values[: len(pair.key)]
            key = {
                name: text if name in shown else HIDDEN
                for name, text in zip(pair.key, texts, strict=True)
            }
            self.rows[kind].append(key)
            for n, name in enumerate(self._names):
                start = len(pair.key) + 3 * n
                is_example, before, after = values[start : start + 3]
                if not is_example:
                    continue
                if name not in shown:
                    before = after = HIDDEN
                self.values[name].append(ValueExample(key, before, after))


def _column_changes(
    before: dict[str, str], after: dict[str, str]
) -> Iterator[ColumnChange]:
    for name in [*after, *(name for name in before if name not in after)]:
        if before.get(name) != after.get(name):
            yield ColumnChange(name, before.get(name), after.get(name))
