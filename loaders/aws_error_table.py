"""The kinds of errors of AWS, with their next steps, and the codes of each kind."""

from dataclasses import dataclass

from loaders.errors import ConfigError, DataError, NightshiftError, TransientError


@dataclass(frozen=True)
class Kind:
    """A kind of error: family, cause, next step, and whether one object is concerned.

    The texts may contain `{bucket}`, and `{right}`, `{resource}` and `{identity}`: the
    IAM action, the ARN that it must be granted on, and whom to grant it to.
    """

    family: type[NightshiftError]
    cause: str
    next_step: str
    is_about_object: bool = False
    shows_detail: bool = True  # the library's text


KINDS = {
    "busy": Kind(
        TransientError,
        "S3 is busy or has failed for the time being",
        "Run again. If the error persists, look at the AWS Health Dashboard and reduce "
        "the number of requests to this bucket",
        is_about_object=True,
    ),
    "interrupted": Kind(
        TransientError,
        "the transfer broke off",
        "Run again. If the error persists, check the network and the object",
        is_about_object=True,
    ),
    "unreachable": Kind(
        TransientError,
        "S3 is unreachable",
        "Check AWS_ENDPOINT_URL_S3, the network and the proxy settings, then run again",
    ),
    "clock": Kind(
        ConfigError,
        "the clock of this machine is wrong",
        "Synchronize it (for example with chrony or systemd-timesyncd), then run again",
    ),
    "credentials": Kind(
        ConfigError,
        "the AWS credentials are missing, invalid or expired",
        "Renew them, or correct AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN)",
    ),
    "region": Kind(
        ConfigError,
        "the bucket {bucket} is in another AWS region, or the region is unknown",
        "Set AWS_REGION to the region of the bucket",
    ),
    "bucket": Kind(
        ConfigError,
        "the bucket {bucket} does not exist",
        "Create it, or correct NIGHTSHIFT_RAW_URL or NIGHTSHIFT_ARCHIVE_URL",
    ),
    "bucket name": Kind(
        ConfigError,
        "the request or the name of its bucket is not valid",
        "Correct NIGHTSHIFT_RAW_URL or NIGHTSHIFT_ARCHIVE_URL",
    ),
    "denied": Kind(
        ConfigError,
        "access is denied",
        "Grant {right} on {resource} to {identity}, and look for a deny in the "
        "policies of the bucket and the organization",
        is_about_object=True,
    ),
    "key denied": Kind(
        ConfigError,
        "the KMS key that encrypts it may not be used",
        "Grant kms:Decrypt (to write, also kms:GenerateDataKey) on that key to "
        "{identity}, and allow it in the key's policy",
        is_about_object=True,
    ),
    "key unusable": Kind(
        ConfigError,
        "the KMS key that encrypts it is disabled, deleted or not usable",
        "Enable the key or cancel its deletion, and grant kms:Decrypt on it; or ask "
        "the producer to re-deliver the object with another key",
        is_about_object=True,
    ),
    "customer key": Kind(
        DataError,
        "it is encrypted with a key that only its producer has (SSE-C)",
        "Ask the producer to re-deliver it without a customer-provided key",
        is_about_object=True,
    ),
    "archived": Kind(
        DataError,
        "it is archived (S3 Glacier or an archive tier of Intelligent-Tiering)",
        "Restore the object with `aws s3api restore-object` and wait until it is "
        "available, then run again",
        is_about_object=True,
    ),
    "changed": Kind(
        DataError,
        "it changed while its partition was being loaded",
        "Run again to load the new content",
        is_about_object=True,
        shows_detail=False,
    ),
    "settings": Kind(
        ConfigError,
        "the AWS settings are invalid",
        "Correct the AWS_* variables or the AWS configuration file",
    ),
    "endpoint": Kind(
        ConfigError,
        "the S3 endpoint is invalid",
        "Correct AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, for example "
        "https://s3.eu-west-1.amazonaws.com, or remove it",
    ),
    "certificate": Kind(
        ConfigError,
        "the certificate of the S3 endpoint cannot be verified",
        "Correct AWS_CA_BUNDLE (or REQUESTS_CA_BUNDLE): the path of a file with the "
        "certificates of your authorities. Check AWS_ENDPOINT_URL_S3 too",
    ),
    "unknown": Kind(
        NightshiftError,
        "S3 reported an error",
        "Look the code up in the S3 documentation, then run again",
        is_about_object=True,
    ),
}

# Kind by code, without the suffix Exception. HEAD replies have only the status.
CODES = {
    **dict.fromkeys(
        (
            *(
                "SlowDown",
                "Throttling",
                "Throttled",
                "RequestThrottled",
                "ThrottledAccess",
            ),
            *("RequestLimitExceeded", "TooManyRequests", "LimitExceeded"),
            *("BandwidthLimitExceeded", "ProvisionedThroughputExceeded"),
            *("EC2Throttled", "TransactionInProgress", "PriorRequestNotComplete"),
            *("ServiceUnavailable", "ServiceFailure", "ServerBusy", "Busy"),
            *("InternalError", "InternalFailure", "InternalServerError"),
            *("InternalServer", "InternalService", "InternalServiceError"),
            *("RequestTimeout", "RequestTimedOut", "OperationAborted"),
            *("ConditionalRequestConflict", "TemporaryRedirect", "BadGateway"),
            *("GatewayTimeout", "KMSInternal", "DependencyTimeout", "KeyUnavailable"),
            *("429", "500", "502", "503", "504", "509"),
        ),
        "busy",
    ),
    **dict.fromkeys(
        (
            "IncompleteBody",
            "BadDigest",
            "XAmzContentSHA256Mismatch",
            "ClientDisconnected",
        ),
        "interrupted",
    ),
    **dict.fromkeys(("RequestTimeTooSkewed", "RequestInTheFuture"), "clock"),
    **dict.fromkeys(
        (
            *("ExpiredToken", "RequestExpired", "TokenRefreshRequired", "InvalidToken"),
            *("InvalidAccessKeyId", "InvalidClientTokenId", "InvalidSecurity"),
            *("SignatureDoesNotMatch", "InvalidSignature", "IncompleteSignature"),
            *("UnrecognizedClient", "MissingAuthenticationToken", "AuthFailure"),
            *("MissingSecurityHeader", "CredentialsNotSupported", "NotSignedUp"),
            *("OptInRequired", "Unauthorized", "401", "InvalidIdentityToken"),
        ),
        "credentials",
    ),
    **dict.fromkeys(
        (
            *("PermanentRedirect", "Redirect", "AuthorizationHeaderMalformed", "301"),
            *(
                "IllegalLocationConstraint",
                "InvalidLocationConstraint",
                "InvalidRegion",
            ),
            "IncorrectEndpoint",
        ),
        "region",
    ),
    **dict.fromkeys(
        ("NoSuchBucket", "InvalidBucketName", "NoSuchAccessPoint"), "bucket"
    ),
    **dict.fromkeys(
        (
            *(
                "AccessDenied",
                "AllAccessDisabled",
                "AccountProblem",
                "Forbidden",
                "403",
            ),
            *("UnauthorizedAccess", "UnauthorizedOperation", "NotAuthorized"),
            *("403", "AccessForbidden", "MethodNotAllowed", "405"),
        ),
        "denied",
    ),
    **dict.fromkeys(("InvalidObjectState", "ObjectNotInActiveTierError"), "archived"),
    **dict.fromkeys(("Disabled", "KMSInvalidState", "InvalidKeyUsage"), "key unusable"),
    **dict.fromkeys(
        ("NoSuchKey", "NoSuchVersion", "PreconditionFailed", "404", "NotFound", "412"),
        "changed",
    ),
}
# Kind by a word of the message, for codes that have several causes.
TEXTS = (
    (r"\bkms:|\bkms key\b.*denied|not authorized.*\bkms\b", "key denied"),
    (r"request has expired|signature (expired|not yet current)|time.*skewed", "clock"),
    (r"slow ?down|reduce your request rate|rate exceeded|throttl", "busy"),
    (r"server side encryption.*(parameters|not applicable)", "customer key"),
    (r"storage class|restore the object|archived", "archived"),
    (r"region .* is wrong|different region|must be addressed using", "region"),
)
