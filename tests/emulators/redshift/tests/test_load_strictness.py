"""What COPY and the JSON functions refuse on Redshift, each with its source.

The sources are pages of the Amazon Redshift developer guide.
"""

import gzip
import json
from collections.abc import Callable
from hashlib import md5

import pytest
import zstandard

from tests.emulators.redshift.tests.conftest import Bucket, Session

RAW = "iam_role default delimiter '\\001' maxerror 100"
MEGABYTE = 1024 * 1024
COPY_ERRORS = {  # options: (object, message, source)
    "zero bytes of gzip": (
        f"{RAW} gzip",
        b"",
        "unexpected end of data",
        "inferred: an empty object is no gzip file",
    ),
    "zero bytes of zstd": (
        f"{RAW} zstd",
        b"",
        "unexpected end of data",
        "inferred: an empty object is no zstd file",
    ),
    "a row over 4 MB": (
        f"{RAW} gzip",
        gzip.compress(b"a\n" + b"x" * (4 * MEGABYTE + 1) + b"\nb\n"),
        "maximum row size of 4 MB",
        "r_COPY: the maximum size of a single input row is 4 MB",
    ),
    "a row over 4 MB at the end": (
        RAW,
        b"a\n" + b"x" * (4 * MEGABYTE + 1),
        "maximum row size of 4 MB",
        "r_COPY",
    ),
    "DELIMITER with JSON": (
        "iam_role default format as json 'auto' delimiter '|'",
        b"{}",
        "DELIMITER is not supported for COPY from JSON",
        "copy-parameters-data-format",
    ),
    "NULL AS with JSON": (
        "iam_role default format as json 'auto' null as 'x'",
        b"{}",
        "NULL AS is not supported for COPY from JSON",
        "copy-parameters-data-format",
    ),
}
REFUSED_LINES = {  # line: (error code, source)
    b"": (1211, "load error reference"),
    b"\r": (1211, "load error reference"),
    b"a\x01b": (1202, "load error reference"),
    b"a\0b": (1218, "copy-null-as; the pages contradict each other"),
    b"\xff\xfea\0": (1220, "multi-byte-character-load-errors"),
    b"\xc3\x28": (1220, "multi-byte-character-load-errors"),
    b"x" * 65_536: (1204, "r_Character_types"),
}
KEPT_LINES = {  # line: (text in the table, source)
    b"\xef\xbb\xbfa": ("\ufeffa", "no page says that COPY removes the mark"),
    b"a\r\r": ("a\r", "only the line end CR LF is known"),
    b"a\rb": ("a\rb", "only the line ends LF and CR LF are known"),
    b" a\t": (" a\t", "TRIMBLANKS is off by default"),
    b"\\N": (None, "copy-parameters-data-conversion: NULL AS is \\N by default"),
}
JSON = {  # text: (is valid, source)
    '{"a":1,"a":2}': (False, "super-configurations"),
    '{"b":{"a":1,"\\u0061":2}}': (False, "super-configurations"),
    '[{"a":1},{"a":1}]': (True, "super-configurations"),
    '"' + "[" * 2000 + '"': (True, "limitations-super: levels of nesting"),
    "[" * 1000 + "]" * 1000: (True, "limitations-super"),
    "[" * 1001 + "]" * 1001: (False, "limitations-super"),
    '{"a":' * 10_000 + "1" + "}" * 10_000: (False, "limitations-super"),
    '"a\\u0000b"': (False, "inferred: a varchar holds no NUL"),
    '"\\ud800"': (False, "inferred: a varchar holds valid UTF-8"),
    '{"a":1,}': (False, "JSON_PARSE: RFC 8259"),
    "NaN": (False, "JSON_PARSE: RFC 8259"),
}


@pytest.fixture
def raw(session: Session) -> Session:
    """Return a session with a table of one text column."""
    session.run("create table raw (line varchar(65535))")
    return session


@pytest.mark.parametrize("name", COPY_ERRORS)
def test_copy_fails(raw: Session, bucket: Bucket, name: str) -> None:
    options, body, message, _ = COPY_ERRORS[name]
    url = bucket.put("object", body)
    assert message in raw.error(f"copy raw from '{url}' {options}")
    assert raw.value("select count(*) from raw") == 0


def test_copy_refuses_lines(raw: Session, bucket: Bucket) -> None:
    url = bucket.put("object", b"\n".join([*REFUSED_LINES, b"good"]))
    raw.run(f"copy raw from '{url}' {RAW}")
    assert raw.run(
        "select line_number, err_code from stl_load_errors"
        " where query = pg_last_copy_id() order by 1"
    ) == [[number, code] for number, (code, _) in enumerate(REFUSED_LINES.values(), 1)]
    assert raw.run("select line from raw") == [["good"]]


def test_copy_keeps_lines_as_they_are(raw: Session, bucket: Bucket) -> None:
    for line, (text, _) in KEPT_LINES.items():
        url = bucket.put("object", line + b"\n")
        raw.run("delete from raw")
        raw.run(f"copy raw from '{url}' {RAW}")
        assert raw.run("select line from raw") == [[text]], line


def test_copy_refuses_multibyte_characters_in_char(
    session: Session, bucket: Bucket
) -> None:
    """multi-byte-character-load-errors: CHAR takes single-byte characters only."""
    session.run("create table codes (code char(3), name varchar(3))")
    url = bucket.put("object", "\u00e4|x\nab|\u00e4\n".encode())
    session.run(f"copy codes from '{url}' iam_role default maxerror 9")
    assert session.run("select code, name from codes") == [["ab ", "\u00e4"]]
    assert session.run(
        "select err_code, err_reason from stl_load_errors"
        " where query = pg_last_copy_id()"
    ) == [
        [
            1220,
            "Multibyte character not supported for CHAR (Hint: Try using VARCHAR)."
            " Invalid char: c3 a4",
        ]
    ]


def test_all_members_of_packed_objects_are_read(raw: Session, bucket: Bucket) -> None:
    for name, compress in (("gzip", gzip.compress), ("zstd", zstandard.compress)):
        url = bucket.put("object", compress(b"a\n") + compress(b"b\nc"))
        raw.run("delete from raw")
        raw.run(f"copy raw from '{url}' {RAW} {name}")
        assert raw.run("select line from raw order by 1") == [["a"], ["b"], ["c"]]


@pytest.mark.parametrize("text", JSON, ids=[text[:40] for text in JSON])
def test_json_is_valid_or_not(raw: Session, text: str) -> None:
    """The limits of SUPER apply to both functions alike."""
    is_valid, _ = JSON[text]
    raw.run("insert into raw select cast(%s as varchar(65535))", "x")
    query = "select can_json_parse(cast(%s as varchar(max))) from raw"
    assert raw.value(query, text) is is_valid
    if not is_valid:
        message = raw.error("select json_parse(cast(%s as varchar(max)))", text)
        assert "JSON parsing error" in message


def test_setting_allows_duplicate_attributes(connect: Callable[..., Session]) -> None:
    """super-configurations describes `json_parse_dedup_attributes`."""
    session, other = connect(), connect()
    text = '{"a":1,"a":2}'
    session.run("set json_parse_dedup_attributes to true")
    assert session.value("select can_json_parse(%s)", text) is True
    assert len(json.loads(session.value("select json_parse(%s)", text))) == 1
    assert other.value("select can_json_parse(%s)", text) is False
    session.run("reset json_parse_dedup_attributes")
    assert session.value("select can_json_parse(%s)", text) is False


def test_long_results_of_json_serialize_fail(session: Session) -> None:
    """JSON_SERIALIZE: the result is a varchar of 65,535 bytes."""
    array = "array(repeat('x', 40000), repeat('y', %s))"
    query = f"select len(json_serialize({array}))"
    assert session.value(query.replace("%s", "25528")) == 65_535
    assert "65535" in session.error(query.replace("%s", "25529"))


def test_duplicate_attributes_are_refused_by_copy(
    session: Session, bucket: Bucket
) -> None:
    """super-configurations: COPY parses SUPER values as JSON_PARSE does."""
    session.run("create table docs (id int, doc super)")
    url = bucket.put("object", b'1|{"a":1,"a":2}\n2|{"a":1}\n')
    session.run(f"copy docs from '{url}' iam_role default maxerror 9")
    assert session.run("select id from docs") == [[2]]


def test_ids_of_sys_views_are_not_those_of_stl_views(
    raw: Session, bucket: Bucket
) -> None:
    """The monitoring views document pg_last_copy_id() for STL views only."""
    url = bucket.put("object", b"a\n\n")
    raw.run(f"copy raw from '{url}' {RAW} ignoreblanklines")
    query = "select count(*) from {} where {} = pg_last_copy_id()"
    assert raw.value(query.format("stl_load_commits", "query")) == 1
    assert raw.value(query.format("sys_load_detail", "query_id")) == 0
    assert raw.value(query.format("sys_load_history", "query_id")) == 0


def test_file_names_are_cut_and_counts_are_per_split(
    raw: Session, bucket: Bucket
) -> None:
    """SYS_LOAD_DETAIL: file_name is character(256), splits have rows of their own."""
    name = "x" * 300
    url = bucket.put(name, b"a\n" * MEGABYTE)
    raw.run(f"copy raw from '{url}' {RAW}")
    rows = raw.run(
        "select file_name, lines_scanned from sys_load_detail"
        f" where file_name = '{url[:256]}'"
    )
    assert len(rows) > 1
    assert sum(lines for _, lines in rows) == MEGABYTE


def test_etags_are_those_of_the_content_that_was_read(
    raw: Session, bucket: Bucket
) -> None:
    """SYS_LOAD_DETAIL: file_etag is character(256), file_last_modified a timestamp."""
    url = bucket.put("object", b"a\n")
    raw.run(f"copy raw from '{url}' {RAW}")
    rows = raw.run(
        "select trim(file_etag), file_last_modified > dateadd(minute, -1, getdate())"
        f" from sys_load_detail where file_name = '{url}'"
    )
    assert rows == [[md5(b"a\n").hexdigest(), True]]
