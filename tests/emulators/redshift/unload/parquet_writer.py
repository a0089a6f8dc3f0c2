"""UNLOAD to Parquet: Arrow parses PostgreSQL's CSV output and writes the files."""

import io
import itertools
from collections.abc import Iterator, Sequence
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from tests.emulators.redshift.unload.output_files import Outputs
from tests.emulators.redshift.unload.unload_options import UnloadOptions

BLOCK_BYTES = 4 * 1024 * 1024
SLICES = 2
TYPES = {  # Arrow types by PostgreSQL's type oid
    16: pa.bool_(), 21: pa.int16(), 23: pa.int32(), 20: pa.int64(), 700: pa.float32(),
    701: pa.float64(), 1082: pa.date32(), 1114: pa.timestamp("us"),
    1184: pa.timestamp("us", "UTC"),
}  # fmt: skip
NUMERIC = 1700
UNKNOWN_NUMERIC = pa.decimal128(38, 10)
NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"


class Field(Protocol):
    """A column of the query."""

    name: str
    oid: int
    modifier: int


class _RowFile(io.RawIOBase):
    """A readable file object over the rows, for Arrow."""

    def __init__(self, rows: Iterator[bytes]) -> None:
        self._rows = rows
        self._rest = b""

    def readable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return `size` bytes, fewer only at the end."""
        parts, length = [self._rest], len(self._rest)
        while size < 0 or length < size:
            row = next(self._rows, None)
            if row is None:
                break
            parts.append(row)
            length += len(row)
        data = b"".join(parts)
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
    """Write all rows; return their number."""
    schema = pa.schema([(field.name, _arrow_type(field)) for field in fields])
    written = [
        index
        for index, field in enumerate(fields)
        if options.has_partition_columns or field.name not in options.partition_by
    ]
    outputs.schema = pa.schema([schema.field(index) for index in written])
    count = 0
    for number, table in enumerate(_read_tables(rows, schema)):
        slice_number = number % SLICES if options.is_parallel else 0
        for partition, part in _split_partitions(table, options.partition_by):
            data = part.select(written).cast(outputs.schema)
            outputs.write(
                data, part.num_rows, partition=partition, slice_number=slice_number
            )
        count += table.num_rows
    return count


def _read_tables(rows: Iterator[bytes], schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield the rows as tables of about BLOCK_BYTES, none for no rows."""
    first = next(rows, None)
    if first is None:
        return
    names = [f"c{index}" for index in range(len(schema))]
    reader = pa_csv.open_csv(
        pa.PythonFile(_RowFile(itertools.chain([first], rows)), mode="r"),
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


def _arrow_type(field: Field) -> pa.DataType:
    if field.oid == NUMERIC:
        if field.modifier < 0:
            return UNKNOWN_NUMERIC
        packed = field.modifier - 4
        return pa.decimal128(packed >> 16, packed & 0xFFFF)
    return TYPES.get(field.oid, pa.string())


def _split_partitions(
    table: pa.Table, keys: list[str]
) -> Iterator[tuple[str, pa.Table]]:
    """Split a table by its partition columns; yield `key=value/` and its rows."""
    if not keys:
        yield "", table
        return
    for values in table.select(keys).group_by(keys).aggregate([]).to_pylist():
        mask = None
        for key in keys:
            column = table[key]
            value = pa.scalar(values[key], column.type)
            equal = pc.equal(column, value) if value.is_valid else pc.is_null(column)
            equal = pc.fill_null(equal, False)
            mask = equal if mask is None else pc.and_(mask, equal)
        yield partition_folder(keys, [values[key] for key in keys]), table.filter(mask)


def partition_folder(keys: Sequence[str], values: Sequence[object]) -> str:
    """Return a partition's folder, with `key=value/` for each key."""
    texts = [NULL_PARTITION if value is None else str(value) for value in values]
    pairs = zip(keys, texts, strict=True)
    return "".join(f"{key}={value.replace('/', '%2F')}/" for key, value in pairs)
