"""UNLOAD as written, read into its options; what is not emulated is refused by name."""

from dataclasses import dataclass, field

from tests.emulators.redshift.dialect.queries import queries_of
from tests.emulators.redshift.dialect.tokens import (
    Group,
    Node,
    Token,
    at,
    is_word,
    parse,
    string_value,
)
from tests.emulators.redshift.errors import RedshiftError, refused
from tests.emulators.redshift.load.copy_options import (
    COMPRESSIONS,
    CSV,
    DELIMITED,
    JSON,
    PARQUET,
    Reader,
    delimiter_of,
    read_role,
    refuse_option,
)

MB = 1024 * 1024
LARGEST_FILE = 6_200 * MB
SMALLEST_FILE = 5 * MB
FLAGS = ("header", "addquotes", "escape", "allowoverwrite", "cleanpath", "manifest")


@dataclass
class UnloadOptions:
    """The options of one UNLOAD, with their defaults."""

    query: str = ""
    url: str = ""
    role: str | None = None
    format: str = DELIMITED
    delimiter: str = ""
    null_as: str = ""
    compression: str = ""
    extension: str | None = None
    region: str = ""
    partition_by: list[str] = field(default_factory=list)
    has_partition_columns: bool = False
    is_verbose: bool = False
    is_parallel: bool = True
    largest_file: int = LARGEST_FILE
    flags: set[str] = field(default_factory=set)


def read(nodes: list[Node]) -> UnloadOptions:
    """Read an UNLOAD; RedshiftError for what it may not say, or not here."""
    group = at(nodes, 1)
    query = string_value(at(group.items, 0)) if isinstance(group, Group) else None
    if query is None or not is_word(at(nodes, 2), "to"):
        raise RedshiftError("UNLOAD takes ('select ...') TO 's3://...'", "42601")
    options = UnloadOptions(query=query)
    reader = Reader(nodes, 3)
    options.url = reader.string("to")
    while not reader.is_at_end:
        _read_option(reader, options)
    _check(options)
    return options


def _read_option(reader: Reader, options: UnloadOptions) -> None:
    name = reader.word()
    refuse_option(name, "UNLOAD")
    if name in FLAGS:
        options.flags.add(name)
        if name == "manifest":
            options.is_verbose = reader.skip("verbose")
    elif name in COMPRESSIONS:
        options.compression = name
    elif name == "format":
        reader.skip("as")
        _set_format(options, reader.word())
    elif name in (CSV, PARQUET, JSON):
        _set_format(options, name)
    elif name == "partition":
        reader.skip("by")
        options.partition_by = reader.names()
        options.has_partition_columns = reader.skip("include")
    elif name == "parallel":
        options.is_parallel = not reader.skip("off", "false")
        reader.skip("on", "true")
    elif name == "maxfilesize":
        options.largest_file = _size(reader)
    else:
        _read_value(reader, options, name)


def _read_value(reader: Reader, options: UnloadOptions, name: str) -> None:
    match name:
        case "iam_role":
            options.role = read_role(reader)
        case "delimiter":
            options.delimiter = delimiter_of(reader.string("delimiter"))
        case "null":
            options.null_as = reader.string("null")
        case "region":
            options.region = reader.string("region")
        case "extension":
            options.extension = reader.string("extension")
        case "rowgroupsize":
            _size(reader)
        case _:
            raise RedshiftError(f'syntax error at or near "{name}"', "42601")


def _set_format(options: UnloadOptions, kind: str) -> None:
    refuse_option(kind, "UNLOAD")
    if kind not in (CSV, PARQUET, JSON):
        raise RedshiftError(f'syntax error at or near "{kind}"', "42601")
    options.format = kind


def _size(reader: Reader) -> int:
    count = reader.number("maxfilesize")
    unit = MB * 1024 if reader.skip("gb") else MB
    reader.skip("mb")
    return count * unit


def _check(options: UnloadOptions) -> None:
    if options.role is None:
        raise RedshiftError(
            "UNLOAD to S3 needs an authorization: IAM_ROLE is missing", "42601"
        )
    if {"allowoverwrite", "cleanpath"} <= options.flags:
        raise RedshiftError("CLEANPATH is not compatible with ALLOWOVERWRITE", "42601")
    if options.format == PARQUET and options.compression:
        raise RedshiftError(
            f"{options.compression.upper()} is not supported for UNLOAD to PARQUET",
            "0A000",
        )
    if not SMALLEST_FILE <= options.largest_file <= LARGEST_FILE:
        raise RedshiftError("MAXFILESIZE must be between 5 MB and 6.2 GB", "22023")
    nodes, _ = parse(options.query)
    outer = [node for node in nodes if isinstance(node, Token)]
    queries = queries_of(nodes)
    if any(is_word(node, "limit") for node in outer) and len(queries) == 1:
        raise refused(
            "LIMIT in the outer SELECT of an UNLOAD is",
            "select * from (select ... limit n)",
        )
