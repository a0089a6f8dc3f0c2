"""AWS clients and the classification of their errors. Only this module imports boto3.

Endpoint, region and credentials are boto3's own settings (AWS_ENDPOINT_URL_S3,
AWS_PROFILE, AWS_REGION, ...). boto3 retries transient errors itself, with jitter.
"""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import boto3.exceptions
import botocore.loaders
import botocore.session
import s3transfer.exceptions
import urllib3.exceptions
from boto3.s3.transfer import TransferConfig
from botocore import exceptions, parsers
from botocore.config import Config

from loaders.aws_errors import Request, classify, error_of_kind
from loaders.errors import NightshiftError

__all__ = [
    "LIBRARY_ERRORS",
    "SINGLE_THREADED",
    "ObjectBody",
    "classified_s3_errors",
    "kind_by_class",
    "s3_client",
    "secret_value",
]

MAX_ATTEMPTS = 6
SINGLE_THREADED = TransferConfig(use_threads=False)
# Every class of the libraries that send the requests: some have no common base class.
LIBRARY_ERRORS = tuple(
    member
    for module in (
        exceptions,
        boto3.exceptions,
        s3transfer.exceptions,
        urllib3.exceptions,
        parsers,
    )
    for member in vars(module).values()
    if isinstance(member, type)
    and issubclass(member, Exception)
    and member.__module__ == module.__name__
)
# Kind of an error without a reply by its class, or the nearest base class.
KINDS_BY_CLASS: dict[type[BaseException], str] = {
    exceptions.ConnectionError: "unreachable",
    exceptions.HTTPClientError: "unreachable",
    parsers.ResponseParserError: "unreachable",  # not a reply of S3
    exceptions.CapacityNotAvailableError: "busy",
    exceptions.PaginationError: "busy",
    exceptions.ResponseStreamingError: "interrupted",
    exceptions.ReadTimeoutError: "interrupted",
    exceptions.IncompleteReadError: "interrupted",
    exceptions.ChecksumError: "interrupted",
    exceptions.FlexibleChecksumError: "interrupted",
    exceptions.AwsChunkedWrapperError: "interrupted",
    urllib3.exceptions.HTTPError: "interrupted",
    exceptions.NoCredentialsError: "credentials",
    exceptions.PartialCredentialsError: "credentials",
    exceptions.CredentialRetrievalError: "credentials",
    exceptions.UnknownCredentialError: "credentials",
    exceptions.RefreshWithMFAUnsupportedError: "credentials",
    exceptions.MetadataRetrievalError: "credentials",
    exceptions.NoAuthTokenError: "credentials",
    exceptions.TokenRetrievalError: "credentials",
    exceptions.UnknownTokenProviderError: "credentials",
    exceptions.SSOError: "credentials",
    exceptions.LoginError: "credentials",
    exceptions.BaseEndpointResolverError: "region",
    exceptions.InvalidRegionError: "region",
    exceptions.UnknownRegionError: "region",
    exceptions.ServiceNotInRegionError: "region",
    exceptions.ProfileNotFound: "settings",
    exceptions.ConfigNotFound: "settings",
    exceptions.ConfigParseError: "settings",
    exceptions.InvalidConfigError: "settings",
    exceptions.InvalidRetryConfigurationError: "settings",
    exceptions.InvalidProxiesConfigError: "settings",
    exceptions.InvalidDefaultsMode: "settings",
    exceptions.InvalidChecksumConfigError: "settings",
    exceptions.InvalidEndpointConfigurationError: "settings",
    exceptions.InvalidIMDSEndpointError: "settings",
    exceptions.InvalidIMDSEndpointModeError: "settings",
    exceptions.InvalidS3AddressingStyleError: "settings",
    exceptions.InvalidS3UsEast1RegionalEndpointConfigError: "settings",
    exceptions.InvalidSTSRegionalEndpointsConfigError: "settings",
    exceptions.UnsupportedS3ConfigurationError: "settings",
    exceptions.UnsupportedS3AccesspointConfigurationError: "settings",
    exceptions.EndpointProviderError: "settings",
    exceptions.UnknownSignatureVersionError: "settings",
    exceptions.UnsupportedSignatureVersionError: "settings",
    exceptions.MissingDependencyException: "settings",
    exceptions.InvalidDNSNameError: "bucket name",
    exceptions.UnsupportedS3ArnError: "bucket name",
    exceptions.ParamValidationError: "bucket name",
}
# Words of a TLS error that only other settings can correct.
CERTIFICATE_WORDS = ("certificate", "no such file", "wrong_version", "pem", "[x509")


def s3_client() -> Any:  # noqa: ANN401 - boto3 generates its client classes
    """Return this process's S3 client; `ConfigError` if a setting is invalid."""
    with classified_s3_errors("s3://"):
        try:
            return client_of_process(os.getpid(), "s3")
        except (ValueError, OSError) as error:
            # Not the library's classes: a malformed variable, a missing program that
            # provides credentials.
            if isinstance(error, LIBRARY_ERRORS):
                raise
            raise _error_of_settings(error, Request("", "s3://")) from error


@cache
def client_of_process(process_id: int, service: str) -> Any:  # noqa: ANN401 - as above
    """Create one client per process: a forked worker must not share connections."""
    session = botocore.session.Session()
    data_path = session.get_config_variable("data_path")
    session.register_component("data_loader", _data_loader(data_path))
    _check_ca_bundle(
        session.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE")
    )
    return boto3.Session(botocore_session=session).client(
        service,
        config=Config(
            retries={"mode": "standard", "max_attempts": MAX_ATTEMPTS},
            connect_timeout=10,
            read_timeout=60,
        ),
    )


@cache
def _data_loader(data_path: str | None) -> Any:  # noqa: ANN401 - boto3 has no types
    """Return the reader of boto3's descriptions of services.

    All clients use the same one, also those of forked workers: a description is a
    megabyte of JSON, and reading it is most of the time that making a client takes.
    """
    return botocore.loaders.create_loader(data_path)


def _check_ca_bundle(path: str | None) -> None:
    # The library looks at the file with the first request, and reports it unclearly.
    if path and not Path(path).expanduser().exists():
        raise error_of_kind(
            "certificate", Request("", "s3://"), f"{path} does not exist"
        )


def secret_value(service: str, name: str) -> str | bytes:
    """Return a secret of `secretsmanager`, or a parameter of `ssm`, decrypted.

    Raises the library's errors, `ValueError` or `OSError`; `aws_secrets` classifies
    them.
    """
    client = client_of_process(os.getpid(), service)
    if service == "ssm":
        reply = client.get_parameter(Name=name, WithDecryption=True)
        return str(reply["Parameter"]["Value"])
    reply = client.get_secret_value(SecretId=name)
    if "SecretString" in reply:
        return str(reply["SecretString"])
    return bytes(reply["SecretBinary"])


@contextmanager
def classified_s3_errors(url: str, operation: str = "") -> Iterator[None]:
    """Raise boto3's errors as this project's, with the S3 URL and the next step.

    `operation` is the name of the request in the API of S3. By default it is that of
    the request that S3 rejected; errors without a reply name none.
    """
    try:
        yield
    except LIBRARY_ERRORS as error:
        raise classify_error(error, Request(operation, url)) from error


def classify_error(error: BaseException, request: Request) -> NightshiftError:
    """Return the error for an exception of boto3, botocore, s3transfer or urllib3."""
    if isinstance(error, exceptions.ClientError):
        reply = error.response.get("Error", {})
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return classify(
            replace(request, operation=request.operation or error.operation_name),
            str(reply.get("Code", "")),
            text=str(reply.get("Message", "")),
            status=int(status),
        )
    kind = kind_by_class(error)
    if kind == "settings":
        return _error_of_settings(error, request)
    if kind:
        return error_of_kind(kind, request, str(error))
    cause = (
        getattr(error, "last_exception", None) or error.__cause__ or error.__context__
    )
    if isinstance(cause, LIBRARY_ERRORS):
        return classify_error(cause, request)
    return error_of_kind("unknown", request, f"{type(error).__name__}: {error}")


def kind_by_class(error: BaseException) -> str:
    """Return the kind of an error that came without a reply, '' if it has none."""
    for base in type(error).__mro__:
        if kind := KINDS_BY_CLASS.get(base):
            unreachable = kind == "unreachable" and _is_about_certificates(error)
            return "certificate" if unreachable else kind
    return ""


def _error_of_settings(error: BaseException, request: Request) -> NightshiftError:
    kind = "endpoint" if "endpoint" in str(error).lower() else "settings"
    return error_of_kind(kind, request, str(error))


def _is_about_certificates(error: BaseException) -> bool:
    words = str(error).lower()
    return any(word in words for word in CERTIFICATE_WORDS)


class ObjectBody(io.RawIOBase):
    """The content of an object as it arrives; `read` raises this project's errors."""

    def __init__(self, stream: Any, url: str) -> None:  # noqa: ANN401 - boto3's class
        super().__init__()
        self._stream = stream
        self._url = url

    def readable(self) -> bool:
        """Return true."""
        return True

    def read(self, size: int | None = -1) -> bytes:
        """Return at most `size` bytes, b'' at the end; all if it is negative.

        Raises `TransientError` if the transfer breaks off.
        """
        with classified_s3_errors(self._url, "GetObject"):
            content: bytes = self._stream.read(
                None if size is None or size < 0 else size
            )
            return content

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any writable buffer
        """Read into a buffer; return the number of bytes."""
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def close(self) -> None:
        """Close the connection if the content has not been read to its end."""
        self._stream.close()
        super().close()
