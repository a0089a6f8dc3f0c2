"""Every exception class of the AWS libraries becomes one of this project's errors."""

import string
import warnings
from itertools import chain
from typing import Any

import boto3.exceptions
import pytest
import s3transfer.exceptions
import urllib3.exceptions
from botocore import exceptions, parsers
from urllib3 import HTTPResponse

from loaders import aws
from loaders.errors import NightshiftError

KEY = "s3://raw/orgs/dt=2026-11-24/part-0.json"


def _library_classes() -> list[type[Exception]]:
    modules = (
        boto3.exceptions,
        exceptions,
        parsers,
        s3transfer.exceptions,
        urllib3.exceptions,
    )
    members = chain.from_iterable(vars(module).values() for module in modules)
    found = {
        member
        for member in members
        if isinstance(member, type)
        and issubclass(member, Exception)
        and not issubclass(member, Warning)
        and member.__module__ in {module.__name__ for module in modules}
    }
    return sorted(found, key=lambda member: (member.__module__, member.__name__))


def _instance(kind: type[Exception]) -> Exception:
    if issubclass(kind, exceptions.ClientError):
        return kind({"Error": {"Code": "SlowDown"}}, "GetObject")
    if issubclass(kind, exceptions.BotoCoreError) and hasattr(kind, "fmt"):
        fields = [name for _, name, _, _ in string.Formatter().parse(kind.fmt) if name]
        values: dict[str, Any] = {name.partition(".")[0]: name for name in fields}
        try:
            return kind(**values)
        except (TypeError, AttributeError):
            pass
    if kind is urllib3.exceptions.IncompleteRead:
        return kind(10, 20)
    if kind is urllib3.exceptions.InvalidChunkLength:
        return kind(HTTPResponse(), b"x")
    error = kind.__new__(kind)
    Exception.__init__(error, "the library's text")
    return error


@pytest.mark.parametrize("kind", _library_classes())
def test_each_class_of_the_libraries_becomes_one_of_ours(kind: type[Exception]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        error = _instance(kind)
    with (
        pytest.raises(NightshiftError) as raised,
        aws.classified_s3_errors(KEY),
    ):
        raise error
    assert KEY in str(raised.value)
    assert raised.value.__cause__ is error
