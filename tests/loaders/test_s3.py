"""Keys with any character, objects that are not data, and errors while reading."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date
from typing import Any

import boto3
import pytest

from loaders import aws, s3
from loaders.errors import ConfigError, DataError, NightshiftError, TransientError
from tests.emulators.s3_faults import injected_faults
from tests.object_keys import NAMES

Deliver = Callable[[str, bytes], None]
DAY = date(2026, 11, 24)
# The name of an object and its content, and whether it is data.
DATA = [
    ("part-0.json", b"{}", True),
    ("deep/er/part-0.json", b"{}", True),
    ("empty.json", b"", True),
    ("a_b/c.d/e_", b"{}", True),
    ("folder/with content/", b"{}", True),
    ("folder/", b"", False),
    ("", b"", False),
    ("_temporary/0/part-0.json", b"{}", False),
    (".hive-staging_x/000000_0", b"{}", False),
    ("_delta_log/0.json", b"{}", False),
    ("deep/_temporary/0/part-0.json", b"{}", False),
    ("deep/.part-0.json.crc", b"{}", False),
    ("_SUCCESS.crc", b"{}", False),
    ("deep/_SUCCESS", b"", False),
    ("_committed_1", b"{}", False),
    (".part", b"{}", False),
]


@pytest.fixture
def deliver(s3_url: str) -> Deliver:
    """Return a function that writes an object without code of the loaders."""
    client = boto3.Session().client("s3")

    def put(object_url: str, content: bytes) -> None:
        bucket, key = object_url.removeprefix("s3://").split("/", 1)
        client.put_object(Bucket=bucket, Key=key, Body=content)

    return put


@pytest.fixture
def fail(
    s3_url: str, shared_emulators: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., AbstractContextManager[Callable[[], list[int]]]]:
    """Return `injected_faults` for the test's objects; boto3 itself does not retry."""
    monkeypatch.setattr(aws, "MAX_ATTEMPTS", 1)

    def inject(**fault: object) -> AbstractContextManager[Callable[[], list[int]]]:
        prefix = s3_url.rpartition("/")[2]
        return injected_faults(shared_emulators, {"key": prefix, "times": 0, **fault})

    return inject


def _read(item: s3.S3Object, size: int = 7) -> bytes:
    with s3.open_object(item) as body:
        return b"".join(iter(lambda: body.read(size), b""))


def test_objects_with_any_key_are_listed_read_and_deleted(
    s3_url: str, deliver: Deliver
) -> None:
    partition_url = s3.partition_url(s3_url, "orgs", DAY)
    for number, name in enumerate(NAMES):
        deliver(partition_url + name, f"content {number}".encode())
    deliver(partition_url + "_SUCCESS", b"")
    partition = s3.list_partition(s3_url, "orgs", DAY)
    assert partition.is_complete
    contents = {
        item.url.removeprefix(partition_url): item for item in partition.objects
    }
    assert contents.keys() == set(NAMES)
    for number, name in enumerate(NAMES):
        assert _read(contents[name]) == f"content {number}".encode(), name
    assert s3.relist(partition).fingerprint == partition.fingerprint
    assert s3.list_partitions(s3_url, "orgs", DAY, DAY) == {DAY: partition}
    s3.delete([item.url for item in partition.objects])
    assert [item.name for item in s3.list_objects(partition_url)] == ["_SUCCESS"]


def test_key_that_this_process_writes_is_the_key_that_others_read(s3_url: str) -> None:
    client = boto3.Session().client("s3")
    for number, name in enumerate(NAMES):
        s3.write(f"{s3_url}/{name}", f"content {number}".encode())
    bucket, prefix = s3_url.removeprefix("s3://").split("/", 1)
    for number, name in enumerate(NAMES):
        reply = client.get_object(Bucket=bucket, Key=f"{prefix}/{name}")
        assert reply["Body"].read() == f"content {number}".encode(), name


def test_hidden_objects_and_folders_are_not_data(s3_url: str, deliver: Deliver) -> None:
    partition_url = s3.partition_url(s3_url, "orgs", DAY)
    for name, content, _ in DATA:
        deliver(partition_url + name, content)
    partition = s3.list_partition(s3_url, "orgs", DAY)
    names = {item.url.removeprefix(partition_url) for item in partition.objects}
    assert names == {name for name, _, is_data in DATA if is_data}
    # Only `deep/_SUCCESS` exists.
    assert not partition.is_complete


def test_folder_above_the_partition_may_begin_with_an_underscore(
    s3_url: str, deliver: Deliver
) -> None:
    raw_url = f"{s3_url}/_landing/.zone"
    deliver(s3.partition_url(raw_url, "orgs", DAY) + "part-0.json", b"{}")
    assert len(s3.list_partition(raw_url, "orgs", DAY).objects) == 1


def _listed(s3_url: str, deliver: Deliver, content: bytes = b"x" * 5000) -> s3.S3Object:
    object_url = f"{s3_url}/part #1?.json"
    deliver(object_url, content)
    (item,) = s3.list_objects(object_url)
    return item


# A fault while an object is read, the error's class and words of its message.
READ_FAULTS = [
    ({"code": "SlowDown", "status": 503}, TransientError, "busy"),
    ({"code": "InternalError", "status": 500}, TransientError, "busy"),
    ({"code": "ThrottlingException", "status": 400}, TransientError, "busy"),
    ({"cut_at": 100}, TransientError, "broke off"),
    ({"cut_at": 0}, TransientError, "broke off"),
    ({"cut_at": 4999}, TransientError, "broke off"),
    (
        {"code": "AccessDenied", "status": 403},
        ConfigError,
        "Grant s3:GetObject on arn:",
    ),
    ({"code": "KMS.DisabledException", "status": 400}, ConfigError, "Enable the key"),
    (
        {"code": "AccessDenied", "status": 403, "message": "no allow of kms:Decrypt"},
        *(ConfigError, "Grant kms:Decrypt"),
    ),
    ({"code": "InvalidObjectState", "status": 403}, DataError, "Restore the object"),
    ({"code": "SomethingNew", "status": 400}, NightshiftError, "SomethingNew"),
]


@pytest.mark.parametrize(("fault", "family", "words"), READ_FAULTS)
def test_error_while_reading_names_the_object(
    s3_url: str,
    deliver: Deliver,
    fail: Callable[..., Any],
    fault: dict[str, object],
    family: type[NightshiftError],
    words: str,
) -> None:
    item = _listed(s3_url, deliver)
    with fail(operation="GetObject", **fault), pytest.raises(NightshiftError) as raised:
        _read(item, 1000)
    assert type(raised.value) is family
    assert item.url in str(raised.value) and words in str(raised.value)
    assert raised.value.object_url == item.url


@pytest.mark.parametrize(
    ("fault", "family", "words"),
    [
        ({"drop": True}, TransientError, "unreachable"),
        ({"code": "RequestTimeTooSkewed", "status": 403}, ConfigError, "clock"),
        ({"code": "ExpiredToken", "status": 400}, ConfigError, "credentials"),
        ({"code": "NoSuchBucket", "status": 404}, ConfigError, "does not exist"),
    ],
)
def test_error_of_the_bucket_or_the_settings_names_no_object(
    s3_url: str,
    deliver: Deliver,
    fail: Callable[..., Any],
    fault: dict[str, object],
    family: type[NightshiftError],
    words: str,
) -> None:
    item = _listed(s3_url, deliver)
    with fail(operation="GetObject", **fault), pytest.raises(NightshiftError) as raised:
        _read(item)
    assert type(raised.value) is family
    assert words in str(raised.value)
    assert raised.value.object_url == ""


def test_object_that_is_replaced_or_deleted_after_the_listing_has_changed(
    s3_url: str, deliver: Deliver
) -> None:
    item = _listed(s3_url, deliver)
    for change in (
        lambda: _listed(s3_url, deliver, b"new"),
        lambda: s3.delete([item.url]),
    ):
        change()
        with pytest.raises(DataError, match=r"changed .* Run again") as raised:
            _read(item)
        assert raised.value.object_url == item.url


def test_listing_that_is_throttled_on_its_second_page_is_transient(
    s3_url: str,
    deliver: Deliver,
    fail: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(3):
        deliver(f"{s3_url}/{number}", b"")
    monkeypatch.setattr(s3, "LISTING_SIZE", 2)
    with (
        fail(operation="ListObjectsV2", code="SlowDown", status=503, on=2),
        pytest.raises(TransientError, match="busy"),
    ):
        list(s3.list_objects(f"{s3_url}/"))
    assert len(list(s3.list_objects(f"{s3_url}/"))) == 3


def test_object_that_cannot_be_deleted_is_named(
    s3_url: str, deliver: Deliver, fail: Callable[..., Any]
) -> None:
    item = _listed(s3_url, deliver)
    with (
        fail(operation="DeleteObjects", key="", code="AccessDenied", status=403),
        pytest.raises(ConfigError, match="Grant s3:DeleteObject"),
    ):
        s3.delete([item.url])
