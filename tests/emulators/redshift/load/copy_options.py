"""COPY as written, read into its options; what is not emulated is refused by name."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.emulators.redshift.dialect.tables import relation_at
from tests.emulators.redshift.dialect.tokens import (
    Group,
    Node,
    Token,
    at,
    is_word,
    name_of,
    render,
    split_by,
    string_value,
)
from tests.emulators.redshift.errors import RedshiftError

DELIMITED, CSV, JSON, PARQUET = "delimited", "csv", "json", "parquet"
COMPRESSIONS = ("gzip", "zstd", "bzip2")
MAX_ERRORS = 100_000
FLAGS = (
    "acceptanydate", "blanksasnull", "emptyasnull", "escape", "explicit_ids",
    "fillrecord", "ignoreblanklines", "removequotes", "roundec", "trimblanks",
    "truncatecolumns", "noload", "manifest",
)  # fmt: skip
REFUSED = (
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
    or the URL of a jsonpaths file.
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


class Reader:
    """Reads the words behind a command's head, one option after the other."""

    def __init__(self, nodes: list[Node], index: int) -> None:
        self._nodes = nodes
        self._index = index

    @property
    def is_at_end(self) -> bool:
        """Whether nothing is left."""
        return self._index >= len(self._nodes)

    def word(self) -> str:
        """Take the next word."""
        node = at(self._nodes, self._index)
        if not isinstance(node, Token) or name_of(node) is None:
            shown = render([node]).strip() if node is not None else "end of input"
            raise RedshiftError(f'syntax error at or near "{shown}"', "42601")
        self._index += 1
        return node.key

    def skip(self, *words: str) -> bool:
        """Take the next word if it is one of these, and tell whether it was."""
        if is_word(at(self._nodes, self._index), *words):
            self._index += 1
            return True
        return False

    def string(self, name: str) -> str:
        """Take a string, an AS before it too."""
        value = self.optional_string()
        if value is None:
            raise RedshiftError(f"{name.upper()} takes a string", "42601")
        return value

    def optional_string(self) -> str | None:
        """Take a string if there is one."""
        self.skip("as")
        value = string_value(at(self._nodes, self._index))
        if value is not None:
            self._index += 1
        return value

    def number(self, name: str) -> int:
        """Take a whole number, an AS before it too."""
        self.skip("as")
        node = at(self._nodes, self._index)
        if not isinstance(node, Token) or not node.text.isdigit():
            raise RedshiftError(f"{name.upper()} takes a number", "42601")
        self._index += 1
        return int(node.text)

    def names(self) -> list[str]:
        """Take a list of names in brackets, if there is one."""
        group = at(self._nodes, self._index)
        if not isinstance(group, Group):
            return []
        self._index += 1
        return [str(name_of(at(part, 0))) for part in split_by(group.items)]

    def value(self) -> None:
        """Take one word, number or string, whatever it says."""
        self._index += 1


def read(nodes: list[Node]) -> CopyOptions:
    """Read a COPY; RedshiftError for what it may not say, or not here."""
    options = CopyOptions()
    options.table, index = relation_at(nodes, 1)
    reader = Reader(nodes, index)
    options.columns = reader.names()
    if not reader.skip("from"):
        raise RedshiftError("COPY takes FROM: only loads are supported", "42601")
    options.source = reader.string("from")
    if not options.source.startswith("s3://"):
        raise RedshiftError(
            f"COPY FROM '{options.source}' is not in this stand-in: only s3:// is",
            "0A000",
        )
    while not reader.is_at_end:
        _read_option(reader, options)
    _check(options)
    return options


def read_role(reader: Reader) -> str:
    """Take what stands behind IAM_ROLE; the default role is an empty string."""
    return "" if reader.skip("default") else reader.string("iam_role")


def delimiter_of(value: str) -> str:
    r"""Return the character that a delimiter like `\001` or `\t` means."""
    if re.fullmatch(r"\\[0-7]{3}", value):
        return chr(int(value[1:], 8))
    return "\t" if value == "\\t" else value


def refuse_option(name: str, command: str) -> None:
    """Raise the error for an option with keys, or one that is not emulated."""
    if name in KEYS:
        raise RedshiftError(
            f"keys in a {command} statement are not in this stand-in: use IAM_ROLE",
            "0A000",
        )
    if name in REFUSED:
        raise RedshiftError(
            f"{command} with {name.upper()} is not in this stand-in, and so refused",
            "0A000",
        )


def _read_option(reader: Reader, options: CopyOptions) -> None:
    name = reader.word()
    refuse_option(name, "COPY")
    if name in FLAGS:
        options.flags.add(name)
    elif name in COMPRESSIONS:
        options.compression = name
    elif name in WITHOUT_EFFECT:
        reader.value()
    elif name in ("csv", "json", "parquet", "delimiter"):
        _read_format(reader, options, name)
    elif name == "format":
        reader.skip("as")
        kind = reader.word()
        refuse_option(kind, "COPY")
        _read_format(reader, options, kind)
    elif name in _VALUES:
        _VALUES[name](reader, options)
    else:
        raise RedshiftError(f'syntax error at or near "{name}"', "42601")


def _read_format(reader: Reader, options: CopyOptions, kind: str) -> None:
    match kind:
        case "delimiter":
            options.delimiter = delimiter_of(reader.string("delimiter"))
        case "csv":
            options.format = CSV
            options.delimiter = "," if options.delimiter == "|" else options.delimiter
            if reader.skip("quote"):
                options.quote = reader.string("quote")
        case "json":
            options.format = JSON
            options.json = reader.optional_string() or "auto"
        case "parquet":
            options.format = PARQUET
        case _:
            raise RedshiftError(f'syntax error at or near "{kind}"', "42601")


def _set_role(reader: Reader, options: CopyOptions) -> None:
    options.role = read_role(reader)


def _set_maxerror(reader: Reader, options: CopyOptions) -> None:
    options.maxerror = reader.number("maxerror")
    if options.maxerror > MAX_ERRORS:
        raise RedshiftError(f"MAXERROR is at most {MAX_ERRORS}", "22023")


def _set_ignoreheader(reader: Reader, options: CopyOptions) -> None:
    options.ignoreheader = reader.number("ignoreheader")


def _set_null(reader: Reader, options: CopyOptions) -> None:
    options.null_as = reader.string("null").replace("\\0", "\0")


def _set_region(reader: Reader, options: CopyOptions) -> None:
    options.region = reader.string("region")


def _set_dateformat(reader: Reader, options: CopyOptions) -> None:
    options.dateformat = reader.string("dateformat")


def _set_timeformat(reader: Reader, options: CopyOptions) -> None:
    options.timeformat = reader.string("timeformat")


def _set_quote(reader: Reader, options: CopyOptions) -> None:
    options.quote = reader.string("quote")


def _set_replacement(reader: Reader, options: CopyOptions) -> None:
    options.replacement = reader.optional_string() or "?"


_VALUES: dict[str, Callable[[Reader, CopyOptions], None]] = {
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
    if options.format == PARQUET and (options.compression or options.maxerror):
        name = options.compression.upper() or "MAXERROR"
        raise RedshiftError(f"{name} is not supported for COPY from PARQUET", "0A000")
    if options.format == CSV and options.flags & {"escape", "removequotes"}:
        raise RedshiftError("CSV is not compatible with ESCAPE, REMOVEQUOTES", "42601")
