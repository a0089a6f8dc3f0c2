"""Classification of AWS errors by code and text, with the table of `aws_error_table`.

Pure functions on texts, so that errors that boto3 raises and errors of S3 that Redshift
reports in a message are classified alike.
"""

import re
from dataclasses import dataclass

from loaders.aws_error_table import CODES, KINDS, TEXTS
from loaders.errors import NightshiftError

MAX_TEXT_CHARACTERS = 500
COPY_IDENTITY = "the role in NIGHTSHIFT_COPY_IAM_ROLE"


@dataclass(frozen=True)
class Request:
    """A request to S3: the operation's name, the URL of its object or prefix, and who.

    `url` is 's3://' if the request names no bucket.
    """

    operation: str
    url: str
    identity: str = "the AWS identity in use"

    @property
    def verb(self) -> str:
        """What the request does, as an infinitive."""
        return _OPERATIONS.get(self.operation, _OTHER_OPERATION)[0]

    @property
    def right(self) -> str:
        """The IAM action that allows the request."""
        return _OPERATIONS.get(self.operation, _OTHER_OPERATION)[1]

    @property
    def bucket(self) -> str:
        """The bucket, '' if the request names none."""
        return self.url.removeprefix("s3://").partition("/")[0]

    @property
    def resource(self) -> str:
        """The ARN that `right` must be granted on."""
        path = self.url.removeprefix("s3://")
        return f"arn:aws:s3:::{self.bucket if self.right == _LIST_RIGHT else path}"

    @property
    def reads_object(self) -> bool:
        """Whether the request reads one object."""
        return self.operation in ("GetObject", "HeadObject")


_LIST_RIGHT = "s3:ListBucket"
# Verb and IAM action by operation.
_OPERATIONS = {
    "GetObject": ("read", "s3:GetObject"),
    "HeadObject": ("read", "s3:GetObject"),
    "PutObject": ("write", "s3:PutObject"),
    "CreateMultipartUpload": ("write", "s3:PutObject"),
    "UploadPart": ("write", "s3:PutObject"),
    "CompleteMultipartUpload": ("write", "s3:PutObject"),
    "DeleteObject": ("delete", "s3:DeleteObject"),
    "DeleteObjects": ("delete", "s3:DeleteObject"),
    "ListObjectsV2": ("list", _LIST_RIGHT),
    "HeadBucket": ("access", _LIST_RIGHT),
}
_OTHER_OPERATION = ("access", "s3:GetObject")

_CODES = {code.lower(): kind for code, kind in CODES.items()}
# The codes whose cause only the message has.
_AMBIGUOUS = {"denied", "credentials", "unknown"}


def classify(
    request: Request, code: str, *, text: str = "", status: int = 0
) -> NightshiftError:
    """Return the error for a code of S3, KMS or STS, as this project raises it.

    `code` is for example `NoSuchKey`, or a status as in a reply to HEAD; `text` is the
    message with it. The error's `object_url` is set if only the object is concerned
    that the request reads.
    """
    return error_of_kind(
        _kind_of(request, code.strip(), text=text, status=status),
        request,
        f"{code}: {text}" if text and code else code or text,
    )


def classify_message(
    url: str, message: str, *, operation: str = "GetObject"
) -> NightshiftError | None:
    """Return the error for a message of Redshift about S3; None if it has no S3 error.

    COPY reports `S3ServiceException:Access Denied,Status 403,Error AccessDenied,Rid
    ...`. `url` is the object that COPY reads, or its partition's URL if the message
    does not name the object; `operation` is `PutObject` for UNLOAD. Raise the result:
    its class and its next step are those of the same error when this process accesses
    the object, but for the role that needs the right, and `object_url` is set if only
    `url` is concerned.
    """
    found = re.search(r"Status:?\s*(\d{3}),\s*Error:?\s*([\w.]+)", message)
    status, code = (int(found[1]), found[2]) if found else (0, "")
    is_about_manifest = "manifest file" in message
    request = Request(
        "GetManifest" if is_about_manifest else operation, url, COPY_IDENTITY
    )
    if not found and "S3CurlException" in message:
        return error_of_kind("unreachable", request, message)
    if not found and not re.search(r"S3ServiceException|\bkms:", message):
        return None
    text = re.search(r"S3ServiceException:(.*?),?\s*Status", message, re.DOTALL)
    return classify(request, code, text=text[1] if text else message, status=status)


def error_of_kind(name: str, request: Request, detail: str) -> NightshiftError:
    """Return the error of one of `KINDS`; `detail` is the library's text."""
    kind = KINDS[name]
    detail = " ".join(detail.split())[:MAX_TEXT_CHARACTERS].rstrip(".")
    detail = f" ({detail})" if kind.shows_detail and detail else ""
    cause, next_step = (
        text.format(
            bucket=repr(request.bucket),
            right=request.right,
            resource=request.resource,
            identity=request.identity,
        )
        for text in (kind.cause, kind.next_step)
    )
    where = (
        f"Cannot {request.verb} {request.url}" if request.bucket else "Cannot use S3"
    )
    is_about_object = kind.is_about_object and request.reads_object
    return kind.family(
        f"{where}: {cause}{detail}. {next_step}.",
        object_url=request.url if is_about_object else "",
    )


def _kind_of(request: Request, code: str, *, text: str, status: int) -> str:
    service, _, name = code.removesuffix("Exception").rpartition(".")
    kind = _CODES.get(name.lower()) or _CODES.get(str(status)) or "unknown"
    if service.upper() == "KMS" and kind != "busy":
        return "key denied" if kind == "denied" else "key unusable"
    if kind in _AMBIGUOUS:
        words = f"{code} {text}"
        for pattern, found in TEXTS:
            if re.search(pattern, words, re.IGNORECASE | re.DOTALL):
                return found
    if kind == "changed" and not request.reads_object:
        return "bucket" if request.right == _LIST_RIGHT else "unknown"
    return kind
