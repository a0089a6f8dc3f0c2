"""COPY of Parquet: columns are matched by position and read in batches."""

import json
import tempfile
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq

from tests.emulators.redshift.errors import RedshiftError
from tests.emulators.redshift.load.rejects import RowLocation
from tests.emulators.redshift.load.sink import Sink
from tests.emulators.redshift.load.storage import S3Object, Storage
from tests.emulators.redshift.load.streams import PLAIN_CHUNK

BATCH_ROWS = 5_000
SMALL = (pa.types.is_int8, pa.types.is_int16)
IS_STRING = (pa.types.is_string, pa.types.is_large_string)
# The Parquet types that each column type accepts. The width must be the same: a file's
# int64 is no INTEGER. Files have 32 bits for smaller integers too.
ACCEPTED_TYPES: dict[str, tuple[Callable[[pa.DataType], bool], ...]] = {
    "bool": (pa.types.is_boolean,),
    "int2": SMALL,
    "int4": (*SMALL, pa.types.is_int32),
    "int8": (pa.types.is_int64,),
    "numeric": (pa.types.is_decimal,),
    "float4": (pa.types.is_float32,),
    "float8": (pa.types.is_float64,),
    "date": (pa.types.is_date,),
    "timestamp": (pa.types.is_timestamp,),
    "timestamptz": (pa.types.is_timestamp,),
    "varchar": IS_STRING,
    "bpchar": IS_STRING,
    "super": (*IS_STRING, pa.types.is_nested),
}


def load(storage: Storage, item: S3Object, sink: Sink) -> int:
    """Load the rows of one object; return their number."""
    with tempfile.TemporaryFile() as download:
        for chunk in storage.read_chunks(item, PLAIN_CHUNK):
            download.write(chunk)
        download.seek(0)
        try:
            file = pq.ParquetFile(download)
        except pa.ArrowInvalid as error:
            raise RedshiftError(
                f"{item.url} has an invalid Parquet file: {error}"
            ) from error
        _check_schema(file.schema_arrow, item, sink)
        return _load_rows(file, item, sink)


def _load_rows(file: pq.ParquetFile, item: S3Object, sink: Sink) -> int:
    number = 0
    for batch in file.iter_batches(batch_size=BATCH_ROWS):
        columns = [column.to_pylist() for column in batch.columns]
        for values in zip(*columns, strict=True):
            number += 1
            location = RowLocation(item.url, number, b"")
            sink.add_row([_to_text(value) for value in values], location)
    return number


def _check_schema(schema: pa.Schema, item: S3Object, sink: Sink) -> None:
    columns = sink.target.columns
    if len(schema) != len(columns):
        raise RedshiftError(
            "Spectrum Scan Error: Unmatched number of columns between table and file."
            f" Table columns: {len(columns)}, Data columns: {len(schema)}, File name:"
            f" {item.url}"
        )
    for field, column in zip(schema, columns, strict=True):
        accepted = ACCEPTED_TYPES.get(column.kind, ())
        is_decimal = pa.types.is_decimal(field.type)
        if not any(accepts(field.type) for accepts in accepted) or (
            is_decimal and field.type.scale != column.scale
        ):
            raise RedshiftError(
                f"Spectrum Scan Error: File '{item.url}' has an incompatible Parquet"
                f" schema for column '{column.name}'. Column type: {column.kind},"
                f" Parquet schema: {field.type} {field.name}"
            )
        if is_decimal:
            expected = _decimal_bytes(column.precision)
            found = _decimal_bytes(field.type.precision)
            if expected != found:
                raise RedshiftError(
                    f"Spectrum Scan Error: File '{item.url}' column '{field.name}' has"
                    f" an invalid type length. Expecting: {expected} len in file:"
                    f" {found}"
                )


def _decimal_bytes(precision: int) -> int:
    """Return the bytes that decimals of a precision take in a file."""
    return ((10**precision - 1).bit_length() + 8) // 8


def _to_text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int | float | Decimal):
        return str(value)
    return json.dumps(value, ensure_ascii=False, default=str)
