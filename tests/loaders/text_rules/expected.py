"""What a load of lines must write, by the parser that the cases verify."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from loaders.raw.records import Record, RecordParser, Reject
from loaders.raw.strict_json import dumps
from loaders.warehouse.declared_tables import raw_tables


@dataclass(frozen=True)
class ExpectedLoad:
    """Rows without bookkeeping columns, and rejects by line number from 1.

    JSON values are written as sorted, compact JSON text.
    """

    columns: list[str]
    rows: Counter[tuple[object, ...]]
    rejects: dict[int, tuple[str, str]]

    @property
    def lines(self) -> int:
        """The number of lines that are not blank."""
        return self.rows.total() + len(self.rejects)


def expected_load(source: str, lines: Iterable[bytes]) -> ExpectedLoad:
    """Return the rows and rejects of an object with these lines."""
    table = raw_tables()[source]
    parser = RecordParser(table)
    columns = [column.name for column in table.columns if not column.is_bookkeeping]
    expected = ExpectedLoad(columns, Counter(), {})
    for number, line in enumerate(lines, start=1):
        result = parser.parse(line)
        if isinstance(result, Reject):
            expected.rejects[number] = (result.reason, result.line)
        elif isinstance(result, Record):
            values = {**result.values, "extra": result.extra}
            expected.rows[tuple(comparable(values[name]) for name in columns)] += 1
    return expected


def comparable(value: object) -> object:
    """Return the value with JSON as text that is equal for equal content."""
    return dumps(_sorted(value)) if isinstance(value, dict | list) else value


def _sorted(value: object) -> object:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    is_whole = isinstance(value, float) and value == int(value)
    return int(value) if is_whole else value
