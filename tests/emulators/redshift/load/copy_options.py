"""Parse COPY into its options; reject the options that are not emulated."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.emulators.redshift.dialect.tables import read_relation
from tests.emulators.redshift.dialect.tokens import (
    Group,
    Node,
    Token,
    is_word,
    name_of,
    node_at,
    render,
    split_nodes,
    string_value,
)
from tests.emulators.redshift.errors import RedshiftError, not_emulated
from tests.emulators.redshift.load.option_pairs import check_copy

DELIMITED, CSV, JSON, PARQUET = "delimited", "csv", "json", "parquet"
COMPRESSIONS = ("gzip", "zstd", "bzip2")
MAX_ERRORS = 100_000
FLAGS = (
    "acceptanydate", "blanksasnull", "emptyasnull", "escape", "explicit_ids",
    "fillrecord", "ignoreblanklines", "removequotes", "roundec", "trimblanks",
    "truncatecolumns", "noload", "manifest",
)  # fmt: skip
NOT_EMULATED = (
    "fixedwidth", "avro", "orc", "lzop", "shapefile", "ssh", "encrypted",
    "master_symmetric_key", "encoding", "job",
)  # fmt: skip
KEYS = ("credentials", "access_key_id", "secret_access_key", "session_token",
        "with")  # fmt: skip
WITHOUT_EFFECT = ("compupdate", "statupdate", "comprows", "readratio")


@dataclass
class CopyOptions:
    """The options of one COPY, with their defaults.

    `role` is empty for the default role; `json` is `auto`, `auto ignorecase`, `noshred`
    or the URL of a jsonpaths file. `used` lists the names of the options given.
    """

    table: str = ""
    columns: list[str] = field(default_factory=list)
    source: str = ""
    role: str | None = None
    format: str = DELIMITED
    json: str = ""
    delimiter: str = "|"
    quote: str = '"'
    compression: str = ""
    region: str = ""
    maxerror: int = 0
    ignoreheader: int = 0
    null_as: str = "\\N"
    dateformat: str = ""
    timeformat: str = ""
    replacement: str | None = None
    flags: set[str] = field(default_factory=set)
    used: list[str] = field(default_factory=list)


class OptionReader:
    """Reads the options of COPY and UNLOAD one by one."""

    def __init__(self, nodes: list[Node], index: int) -> None:
        self._nodes = nodes
        self._index = index

    @property
    def is_at_end(self) -> bool:
        """Whether all options are read."""
        return self._index >= len(self._nodes)

    def read_word(self) -> str:
        """Return the next word."""
        node = node_at(self._nodes, self._index)
        if not isinstance(node, Token) or name_of(node) is None:
            text = render([node]).strip() if node is not None else "end of input"
            raise RedshiftError(f'syntax error at or near "{text}"', "42601")
        self._index += 1
        return node.key

    def skip_word(self, *words: str) -> bool:
        """Skip the next word if it is one of these; return whether it was."""
        if is_word(node_at(self._nodes, self._index), *words):
            self._index += 1
            return True
        return False

    def read_string(self, name: str) -> str:
        """Return the next string, with an optional AS before it."""
        value = self.read_optional_string()
        if value is None:
            raise RedshiftError(f"{name.upper()} requires a string", "42601")
        return value

    def read_optional_string(self) -> str | None:
        """Return the next string, None if there is none."""
        self.skip_word("as")
        value = string_value(node_at(self._nodes, self._index))
        if value is not None:
            self._index += 1
        return value

    def read_number(self, name: str) -> int:
        """Return the next integer, with an optional AS before it."""
        self.skip_word("as")
        node = node_at(self._nodes, self._index)
        if not isinstance(node, Token) or not node.text.isdigit():
            raise RedshiftError(f"{name.upper()} requires a number", "42601")
        self._index += 1
        return int(node.text)

    def read_names(self) -> list[str]:
        """Return the names in the next brackets, an empty list if there are none."""
        group = node_at(self._nodes, self._index)
        if not isinstance(group, Group):
            return []
        self._index += 1
        return [str(name_of(node_at(part, 0))) for part in split_nodes(group.items)]

    def skip_value(self) -> None:
        """Skip one word, number or string."""
        self._index += 1


def parse_copy(nodes: list[Node]) -> CopyOptions:
    """Parse a COPY; raise RedshiftError if it is invalid or not emulated."""
    options = CopyOptions()
    options.table, index = read_relation(nodes, 1)
    reader = OptionReader(nodes, index)
    options.columns = reader.read_names()
    if not reader.skip_word("from"):
        raise RedshiftError("COPY requires FROM", "42601")
    options.source = reader.read_string("from")
    if not options.source.startswith("s3://"):
        raise not_emulated(f"COPY FROM '{options.source}'", "an s3:// URL")
    while not reader.is_at_end:
        _read_option(reader, options)
    _check(options)
    return options


def read_role(reader: OptionReader) -> str:
    """Read the value of IAM_ROLE; the default role is an empty string."""
    return "" if reader.skip_word("default") else reader.read_string("iam_role")


def parse_delimiter(value: str) -> str:
    r"""Return the character that a delimiter such as `\001` or `\t` denotes."""
    if re.fullmatch(r"\\[0-7]{3}", value):
        return chr(int(value[1:], 8))
    return "\t" if value == "\\t" else value


def reject_option(name: str, command: str) -> None:
    """Raise RedshiftError for an option with access keys, or one not emulated."""
    if name in KEYS:
        raise not_emulated(f"{command} with access keys", "IAM_ROLE")
    if name in NOT_EMULATED:
        raise not_emulated(f"{command} with {name.upper()}")


def _read_option(reader: OptionReader, options: CopyOptions) -> None:
    name = reader.read_word()
    reject_option(name, "COPY")
    if name != "format":
        options.used.append(name)
    if name in FLAGS:
        options.flags.add(name)
    elif name in COMPRESSIONS:
        options.compression = name
    elif name in WITHOUT_EFFECT:
        reader.skip_value()
    elif name in ("csv", "json", "parquet", "delimiter"):
        _read_format(reader, options, name)
    elif name == "format":
        reader.skip_word("as")
        kind = reader.read_word()
        reject_option(kind, "COPY")
        options.used.append(kind)
        _read_format(reader, options, kind)
    elif name in _VALUES:
        _VALUES[name](reader, options)
    else:
        raise RedshiftError(f'syntax error at or near "{name}"', "42601")


def _read_format(reader: OptionReader, options: CopyOptions, kind: str) -> None:
    match kind:
        case "delimiter":
            options.delimiter = parse_delimiter(reader.read_string("delimiter"))
        case "csv":
            options.format = CSV
            if reader.skip_word("quote"):
                options.quote = reader.read_string("quote")
        case "json":
            options.format = JSON
            options.json = reader.read_optional_string() or "auto"
        case "parquet":
            options.format = PARQUET
        case _:
            raise RedshiftError(f'syntax error at or near "{kind}"', "42601")


def _set_role(reader: OptionReader, options: CopyOptions) -> None:
    options.role = read_role(reader)


def _set_maxerror(reader: OptionReader, options: CopyOptions) -> None:
    options.maxerror = reader.read_number("maxerror")
    if options.maxerror > MAX_ERRORS:
        raise RedshiftError(f"MAXERROR must be at most {MAX_ERRORS}", "22023")


def _set_ignoreheader(reader: OptionReader, options: CopyOptions) -> None:
    options.ignoreheader = reader.read_number("ignoreheader")


def _set_null(reader: OptionReader, options: CopyOptions) -> None:
    options.null_as = reader.read_string("null").replace("\\0", "\0")


def _set_region(reader: OptionReader, options: CopyOptions) -> None:
    options.region = reader.read_string("region")


def _set_dateformat(reader: OptionReader, options: CopyOptions) -> None:
    options.dateformat = reader.read_string("dateformat")


def _set_timeformat(reader: OptionReader, options: CopyOptions) -> None:
    options.timeformat = reader.read_string("timeformat")


def _set_quote(reader: OptionReader, options: CopyOptions) -> None:
    options.quote = reader.read_string("quote")


def _set_replacement(reader: OptionReader, options: CopyOptions) -> None:
    options.replacement = reader.read_optional_string() or "?"


_VALUES: dict[str, Callable[[OptionReader, CopyOptions], None]] = {
    "iam_role": _set_role,
    "maxerror": _set_maxerror,
    "ignoreheader": _set_ignoreheader,
    "null": _set_null,
    "region": _set_region,
    "dateformat": _set_dateformat,
    "timeformat": _set_timeformat,
    "quote": _set_quote,
    "acceptinvchars": _set_replacement,
}


def _check(options: CopyOptions) -> None:
    if options.role is None:
        raise RedshiftError(
            "COPY from S3 needs an authorization: IAM_ROLE is missing", "42601"
        )
    if len(options.delimiter) != 1 or ord(options.delimiter) > 127:
        raise RedshiftError("COPY delimiter must be a single ASCII character", "22023")
    check_copy(options.used, options.format)
    if options.format == CSV and "delimiter" not in options.used:
        options.delimiter = ","
