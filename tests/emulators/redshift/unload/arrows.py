"""UNLOAD to Parquet: CSV from PostgreSQL, read by Arrow, written by it."""

import io
from collections.abc import Iterator, Sequence
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from tests.emulators.redshift.unload.output_files import Outputs
from tests.emulators.redshift.unload.unload_options import UnloadOptions

BLOCK_BYTES = 4 * 1024 * 1024
SLICES = 2
TYPES = {
    16: pa.bool_(), 21: pa.int16(), 23: pa.int32(), 20: pa.int64(), 700: pa.float32(),
    701: pa.float64(), 1082: pa.date32(), 1114: pa.timestamp("us"),
    1184: pa.timestamp("us", "UTC"),
}  # fmt: skip
NUMERIC = 1700
UNKNOWN_NUMERIC = pa.decimal128(38, 10)
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


class Field(Protocol):
    """A column of the query."""

    name: str
    oid: int
    modifier: int


class _Stream(io.RawIOBase):
    """The rows as a file that Arrow reads from."""

    def __init__(self, rows: Iterator[bytes]) -> None:
        self._rows = rows
        self._rest = b""

    def readable(self) -> bool:
        """Whether it can be read: it can."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes, fewer only at the end."""
        pieces, length = [self._rest], len(self._rest)
        while size < 0 or length < size:
            piece = next(self._rows, None)
            if piece is None:
                break
            pieces.append(piece)
            length += len(piece)
        data = b"".join(pieces)
        if size < 0:
            size = len(data)
        self._rest = data[size:]
        return data[:size]


def write(
    rows: Iterator[bytes],
    fields: Sequence[Field],
    options: UnloadOptions,
    outputs: Outputs,
) -> int:
    """Write all rows; return how many there were."""
    schema = pa.schema([(field.name, _type(field)) for field in fields])
    kept = [
        place
        for place, field in enumerate(fields)
        if options.has_partition_columns or field.name not in options.partition_by
    ]
    outputs.schema = pa.schema([schema.field(place) for place in kept])
    count = 0
    for number, table in enumerate(_tables(rows, schema)):
        slot = number % SLICES if options.is_parallel else 0
        for partition, part in _partitions(table, options.partition_by):
            chosen = part.select(kept).cast(outputs.schema)
            outputs.write(chosen, part.num_rows, partition=partition, slot=slot)
        count += table.num_rows
    return count


def _tables(rows: Iterator[bytes], schema: pa.Schema) -> Iterator[pa.Table]:
    first = next(rows, None)
    if first is None:
        return

    def again() -> Iterator[bytes]:
        yield first
        yield from rows

    names = [f"c{place}" for place in range(len(schema))]
    reader = pa_csv.open_csv(
        pa.PythonFile(_Stream(again()), mode="r"),
        read_options=pa_csv.ReadOptions(
            use_threads=False, block_size=BLOCK_BYTES, column_names=names
        ),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict(zip(names, schema.types, strict=True)),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t"],
            false_values=["f"],
        ),
    )
    for batch in reader:
        if batch.num_rows:
            yield pa.Table.from_batches([batch]).rename_columns(schema.names)


def _type(field: Field) -> pa.DataType:
    if field.oid == NUMERIC:
        if field.modifier < 0:
            return UNKNOWN_NUMERIC
        packed = field.modifier - 4
        return pa.decimal128(packed >> 16, packed & 0xFFFF)
    return TYPES.get(field.oid, pa.string())


def _partitions(table: pa.Table, keys: list[str]) -> Iterator[tuple[str, pa.Table]]:
    """Split a table by its partition columns; yield `key=value/` and the rows."""
    if not keys:
        yield "", table
        return
    for values in table.select(keys).group_by(keys).aggregate([]).to_pylist():
        mask = None
        for key in keys:
            column = table[key]
            value = pa.scalar(values[key], column.type)
            same = pc.is_null(column) if not value.is_valid else pc.equal(column, value)
            same = pc.fill_null(same, False)
            mask = same if mask is None else pc.and_(mask, same)
        yield path_of(keys, [values[key] for key in keys]), table.filter(mask)


def path_of(keys: Sequence[str], values: Sequence[object]) -> str:
    """Return a partition's folder, `key=value/` for each key."""
    shown = [NO_VALUE if value is None else str(value) for value in values]
    pairs = zip(keys, shown, strict=True)
    return "".join(f"{key}={value.replace('/', '%2F')}/" for key, value in pairs)
