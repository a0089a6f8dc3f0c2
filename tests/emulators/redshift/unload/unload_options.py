"""Parse UNLOAD into its options; reject the options that are not emulated."""

from dataclasses import dataclass, field

from tests.emulators.redshift import long_names
from tests.emulators.redshift.dialect.queries import find_queries
from tests.emulators.redshift.dialect.tokens import (
    Group,
    Node,
    Token,
    is_word,
    node_at,
    parse,
    string_value,
)
from tests.emulators.redshift.errors import RedshiftError, unsupported
from tests.emulators.redshift.load.copy_options import (
    COMPRESSIONS,
    CSV,
    DELIMITED,
    JSON,
    PARQUET,
    OptionReader,
    parse_delimiter,
    read_role,
    reject_option,
)
from tests.emulators.redshift.load.option_pairs import check_unload

MB = 1024 * 1024
MAX_FILE_BYTES = 6_200 * MB  # the default and upper limit of MAXFILESIZE
MIN_FILE_BYTES = 5 * MB
MIN_ROW_GROUP, MAX_ROW_GROUP = 32 * MB, 128 * MB
FLAGS = ("header", "addquotes", "escape", "allowoverwrite", "cleanpath", "manifest")


@dataclass
class UnloadOptions:
    """The options of one UNLOAD, with their defaults.

    `used` lists the names of the options given.
    """

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
    max_file_bytes: int = MAX_FILE_BYTES
    flags: set[str] = field(default_factory=set)
    used: list[str] = field(default_factory=list)


def parse_unload(nodes: list[Node]) -> UnloadOptions:
    """Parse an UNLOAD; raise RedshiftError if it is invalid or not emulated."""
    group = node_at(nodes, 1)
    query = string_value(node_at(group.items, 0)) if isinstance(group, Group) else None
    if query is None or not is_word(node_at(nodes, 2), "to"):
        raise RedshiftError("UNLOAD requires ('select ...') TO 's3://...'", "42601")
    options = UnloadOptions(query=query)
    reader = OptionReader(nodes, 3)
    options.url = reader.read_string("to")
    while not reader.is_at_end:
        _read_option(reader, options)
    _check(options)
    return options


def _read_option(reader: OptionReader, options: UnloadOptions) -> None:
    name = reader.read_word()
    reject_option(name, "UNLOAD")
    if name != "format":
        options.used.append(name)
    if name in FLAGS:
        options.flags.add(name)
        if name == "manifest":
            options.is_verbose = reader.skip_word("verbose")
    elif name in COMPRESSIONS:
        options.compression = name
    elif name == "format":
        reader.skip_word("as")
        kind = reader.read_word()
        options.used.append(kind)
        _set_format(options, kind)
    elif name in (CSV, PARQUET, JSON):
        _set_format(options, name)
    elif name == "partition":
        reader.skip_word("by")
        options.partition_by = [
            long_names.restore(name) for name in reader.read_names()
        ]
        options.has_partition_columns = reader.skip_word("include")
    elif name == "parallel":
        options.is_parallel = not reader.skip_word("off", "false")
        reader.skip_word("on", "true")
    elif name == "maxfilesize":
        options.max_file_bytes = _read_size(reader)
    else:
        _read_value(reader, options, name)


def _read_value(reader: OptionReader, options: UnloadOptions, name: str) -> None:
    match name:
        case "iam_role":
            options.role = read_role(reader)
        case "delimiter":
            options.delimiter = parse_delimiter(reader.read_string("delimiter"))
        case "null":
            options.null_as = reader.read_string("null")
        case "region":
            options.region = reader.read_string("region")
        case "extension":
            options.extension = reader.read_string("extension")
        case "rowgroupsize":
            if not MIN_ROW_GROUP <= _read_size(reader) <= MAX_ROW_GROUP:
                message = "ROWGROUPSIZE must be between 32 MB and 128 MB"
                raise RedshiftError(message, "22023")
        case _:
            raise RedshiftError(f'syntax error at or near "{name}"', "42601")


def _set_format(options: UnloadOptions, kind: str) -> None:
    reject_option(kind, "UNLOAD")
    if kind not in (CSV, PARQUET, JSON):
        raise RedshiftError(f'syntax error at or near "{kind}"', "42601")
    options.format = kind


def _read_size(reader: OptionReader) -> int:
    """Read a size such as `5 MB` or `1 GB`; return it in bytes."""
    count = reader.read_number("maxfilesize")
    unit = MB * 1024 if reader.skip_word("gb") else MB
    reader.skip_word("mb")
    return count * unit


def _check(options: UnloadOptions) -> None:
    if options.role is None:
        raise RedshiftError(
            "UNLOAD to S3 needs an authorization: IAM_ROLE is missing", "42601"
        )
    check_unload(options.used, options.format)
    if not MIN_FILE_BYTES <= options.max_file_bytes <= MAX_FILE_BYTES:
        raise RedshiftError("MAXFILESIZE must be between 5 MB and 6.2 GB", "22023")
    nodes, _ = parse(options.query)
    outer = [node for node in nodes if isinstance(node, Token)]
    queries = find_queries(nodes)
    if any(is_word(node, "limit") for node in outer) and len(queries) == 1:
        raise unsupported(
            "LIMIT in the outer SELECT of an UNLOAD",
            "select * from (select ... limit n)",
        )
