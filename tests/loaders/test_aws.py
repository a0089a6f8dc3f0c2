"""Every error of AWS has a family, names its object and says what to do."""

import boto3.exceptions
import pytest
import s3transfer.exceptions
from botocore import exceptions

from loaders import aws, aws_error_table, aws_errors
from loaders.aws_errors import Request
from loaders.errors import ConfigError, DataError, NightshiftError, TransientError

KEY = "s3://raw/orgs/dt=2026-11-24/part #1?.json"
READ = Request("GetObject", KEY)
LIST = Request("ListObjectsV2", "s3://raw/orgs/dt=")
HEAD = Request("HeadBucket", "s3://raw/")
WRITE = Request("PutObject", "s3://archive/x")


def _reply(code: str, status: int, text: str) -> exceptions.ClientError:
    return exceptions.ClientError(
        {
            "Error": {"Code": code, "Message": text},
            "ResponseMetadata": {"HTTPStatusCode": status},
        },
        "GetObject",
    )


# Code, status and text of a reply; the family and words of the message.
REPLIES = [
    ("SlowDown", 503, "Please reduce your request rate.", TransientError, "busy"),
    ("Throttling", 400, "Rate exceeded", TransientError, "busy"),
    ("ThrottlingException", 400, "", TransientError, "busy"),
    ("ThrottledException", 400, "", TransientError, "busy"),
    ("RequestThrottled", 400, "", TransientError, "busy"),
    ("RequestThrottledException", 400, "", TransientError, "busy"),
    ("RequestLimitExceeded", 400, "", TransientError, "busy"),
    ("TooManyRequestsException", 429, "", TransientError, "busy"),
    ("BandwidthLimitExceeded", 509, "", TransientError, "busy"),
    ("503", 503, "Slow Down", TransientError, "busy"),
    ("503 Slow Down", 0, "", TransientError, "busy"),
    ("Slow Down", 0, "", TransientError, "busy"),
    ("KMS.ThrottlingException", 400, "", TransientError, "busy"),
    ("ServiceUnavailable", 503, "", TransientError, "busy"),
    ("InternalError", 500, "We encountered an error", TransientError, "busy"),
    ("InternalError", 200, "", TransientError, "busy"),
    ("500", 500, "Internal Server Error", TransientError, "busy"),
    ("502", 502, "Bad Gateway", TransientError, "busy"),
    ("504", 504, "", TransientError, "busy"),
    ("SomethingNew", 503, "", TransientError, "busy"),
    ("SomethingNew", 429, "", TransientError, "busy"),
    ("RequestTimeout", 400, "", TransientError, "busy"),
    ("OperationAborted", 409, "", TransientError, "busy"),
    ("ConditionalRequestConflict", 409, "", TransientError, "busy"),
    ("IncompleteBody", 400, "", TransientError, "broke off"),
    ("RequestTimeTooSkewed", 403, "The difference is too large", ConfigError, "clock"),
    ("SignatureDoesNotMatch", 403, "Signature expired: 20261124", ConfigError, "clock"),
    ("AccessDenied", 403, "Request has expired", ConfigError, "clock"),
    ("ExpiredToken", 400, "The token has expired", ConfigError, "credentials"),
    ("ExpiredTokenException", 400, "", ConfigError, "credentials"),
    ("InvalidAccessKeyId", 403, "", ConfigError, "credentials"),
    ("SignatureDoesNotMatch", 403, "", ConfigError, "AWS_SECRET_ACCESS_KEY"),
    ("InvalidClientTokenId", 403, "", ConfigError, "credentials"),
    ("PermanentRedirect", 301, "", ConfigError, "AWS_REGION"),
    ("301", 301, "Moved Permanently", ConfigError, "AWS_REGION"),
    ("AuthorizationHeaderMalformed", 400, "", ConfigError, "AWS_REGION"),
    ("NoSuchBucket", 404, "", ConfigError, "'raw' does not exist"),
    (
        "AccessDenied",
        403,
        "Access Denied",
        ConfigError,
        "Grant s3:GetObject on arn:aws:",
    ),
    ("403", 403, "Forbidden", ConfigError, "s3:::raw/orgs/dt=2026-11-24/part #1?.json"),
    ("SomethingNew", 403, "", ConfigError, "s3:GetObject"),
    (
        *("AccessDenied", 403),
        "User: arn:aws:iam::1:user/x is not authorized to perform: kms:Decrypt",
        *(ConfigError, "Grant kms:Decrypt"),
    ),
    ("KMS.AccessDeniedException", 400, "", ConfigError, "Grant kms:Decrypt"),
    ("KMS.AccessDenied", 400, "", ConfigError, "Grant kms:Decrypt"),
    ("KMS.DisabledException", 400, "key is disabled", ConfigError, "Enable the key"),
    ("KMS.NotFoundException", 400, "", ConfigError, "KMS key"),
    ("KMS.KMSInvalidStateException", 400, "", ConfigError, "cancel its deletion"),
    ("InvalidObjectState", 403, "", DataError, "Restore the object"),
    (
        *("InvalidRequest", 400),
        "The object was stored using a form of Server Side Encryption. The correct "
        "parameters must be provided to retrieve the object.",
        *(DataError, "SSE-C"),
    ),
    ("NoSuchKey", 404, "", DataError, "changed while its partition"),
    ("404", 404, "Not Found", DataError, "Run again"),
    ("PreconditionFailed", 412, "", DataError, "Run again"),
    (
        "KeyTooLongError",
        400,
        "Your key is too long",
        NightshiftError,
        "Your key is too",
    ),
    ("", 0, "", NightshiftError, "S3 reported an error"),
]


@pytest.mark.parametrize(("code", "status", "text", "family", "words"), REPLIES)
def test_reply_to_reading_an_object_is_classified(
    code: str, status: int, text: str, family: type[NightshiftError], words: str
) -> None:
    error = aws.classify_error(_reply(code, status, text), READ)
    assert type(error) is family
    assert words in str(error)
    assert KEY in str(error)
    assert code in str(error) or words in ("changed while its partition", "Run again")
    assert not str(error).endswith("..")


@pytest.mark.parametrize(("code", "status", "text", "family", "words"), REPLIES)
def test_redshift_reports_the_same_error_as_this_process(
    code: str, status: int, text: str, family: type[NightshiftError], words: str
) -> None:
    message = f"S3ServiceException:{text},Status {status},Error {code},Rid 1A,ExtRid b"
    if not code or " " in code:
        return  # COPY reports no such code.
    error = aws_errors.classify_message(KEY, message)
    assert type(error) is family
    assert words in str(error)
    expected = aws.classify_error(_reply(code, status, text), READ)
    assert error.object_url == expected.object_url


@pytest.mark.parametrize(
    ("message", "family", "object_url", "words"),
    [
        ("S3CurlException: Connection timed out", TransientError, "", "unreachable"),
        (
            "Problem reading manifest file - S3ServiceException:Access Denied,"
            "Status 403,Error AccessDenied,Rid 1",
            *(ConfigError, "", "NIGHTSHIFT_COPY_IAM_ROLE"),
        ),
        (
            "S3ServiceException:Access Denied,Status 403,Error AccessDenied,Rid 1",
            *(ConfigError, KEY, "NIGHTSHIFT_COPY_IAM_ROLE"),
        ),
        (
            "S3ServiceException:User: arn:aws:sts::1:assumed-role/r is not authorized "
            "to perform: kms:Decrypt,Status 403,Error AccessDenied",
            *(ConfigError, KEY, "role in NIGHTSHIFT_COPY_IAM_ROLE"),
        ),
    ],
)
def test_message_of_redshift_names_the_role(
    message: str, family: type[NightshiftError], object_url: str, words: str
) -> None:
    error = aws_errors.classify_message(KEY, message)
    assert type(error) is family
    assert error.object_url == object_url
    assert words in str(error)
    assert "Rid" not in str(error)


def test_error_of_unload_names_the_right_to_write() -> None:
    message = "S3ServiceException:Access Denied,Status 403,Error AccessDenied,Rid 1"
    error = aws_errors.classify_message(WRITE.url, message, operation="PutObject")
    assert "Grant s3:PutObject on arn:aws:s3:::archive/x to the role" in str(error)
    assert error.object_url == ""


@pytest.mark.parametrize(
    "message",
    [
        "Not authorized to get credentials of role arn:aws:iam::1:role/x",
        "serializable isolation violation on table",
        "Invalid value for an integer",
    ],
)
def test_message_about_something_else_is_not_classified(message: str) -> None:
    assert aws_errors.classify_message(KEY, message) is None


@pytest.mark.parametrize(
    ("request_", "code", "family", "words"),
    [
        (
            LIST,
            "AccessDenied",
            ConfigError,
            "Grant s3:ListBucket on arn:aws:s3:::raw to",
        ),
        (
            WRITE,
            "AccessDenied",
            ConfigError,
            "Grant s3:PutObject on arn:aws:s3:::archive/x",
        ),
        (HEAD, "404", ConfigError, "bucket 'raw' does not exist"),
        (HEAD, "403", ConfigError, "s3:ListBucket"),
        (LIST, "NoSuchBucket", ConfigError, "NIGHTSHIFT_RAW_URL"),
        (LIST, "SlowDown", TransientError, "busy"),
        (WRITE, "KMS.DisabledException", ConfigError, "Enable the key"),
        (WRITE, "SlowDown", TransientError, "busy"),
    ],
)
def test_error_of_another_request_concerns_more_than_one_object(
    request_: Request, code: str, family: type[NightshiftError], words: str
) -> None:
    error = aws.classify_error(_reply(code, 0, ""), request_)
    assert type(error) is family
    assert words in str(error)
    assert error.object_url == ""


@pytest.mark.parametrize(("code", "kind"), sorted(aws_error_table.CODES.items()))
def test_each_code_of_the_table_has_its_kind(code: str, kind: str) -> None:
    for spelling in (code, f"{code}Exception"):
        error = aws.classify_error(_reply(spelling, 0, ""), READ)
        assert type(error) is aws_error_table.KINDS[kind].family
        assert bool(error.object_url) == aws_error_table.KINDS[kind].is_about_object


@pytest.mark.parametrize(
    ("text", "family", "words"),
    [
        ("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed", ConfigError, "AWS_CA_BUNDLE"),
        ("[Errno 2] No such file or directory", ConfigError, "AWS_CA_BUNDLE"),
        ("[SSL: WRONG_VERSION_NUMBER]", ConfigError, "AWS_ENDPOINT_URL_S3"),
        ("EOF occurred in violation of protocol", TransientError, "unreachable"),
    ],
)
def test_tls_error_is_transient_unless_settings_must_change(
    text: str, family: type[NightshiftError], words: str
) -> None:
    error = exceptions.SSLError(endpoint_url="https://s3", error=text)
    found = aws.classify_error(error, READ)
    assert type(found) is family
    assert words in str(found)
    assert found.object_url == ""


@pytest.mark.parametrize(
    "kind",
    [
        boto3.exceptions.S3UploadFailedError,
        boto3.exceptions.RetriesExceededError,
        s3transfer.exceptions.S3UploadFailedError,
    ],
)
def test_error_of_a_transfer_is_classified_by_its_cause(kind: type[Exception]) -> None:
    with (
        pytest.raises(TransientError, match=r"archive/x.*busy"),
        aws.classified_s3_errors(WRITE.url),
    ):
        try:
            raise _reply("SlowDown", 503, "")
        except exceptions.ClientError as error:
            raise kind(error)  # noqa: B904 - boto3 does not name the cause either
