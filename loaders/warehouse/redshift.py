"""The classification of Redshift's errors.

Only this module imports redshift_connector, inside functions because that takes
seconds.
"""

import re
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from loaders import interruption
from loaders.errors import ConfigError, DataError, NightshiftError, TransientError

# 1018: a relation that another transaction has created or dropped since this one began.
# 1023: a conflict between transactions. dbt reports only the number, on its own line.
TRANSIENT_NUMBERS = re.compile(
    r"^\s*(error:\s*)?(1018|1023)(\s*$|\s+(detail|relation|serializable))",
    re.IGNORECASE | re.MULTILINE,
)
# Conflicts between transactions; a cluster that restarts or is busy.
TRANSIENT_TEXTS = (
    "serializable isolation violation",
    "conflict with concurrent transaction",
    "could not open relation with oid",
    "dropped by concurrent transaction",
    "deadlock detected",
    "connection reset",
    "connection refused",
    "connection is closed",
    "connection has been closed",
    "connection time out",
    "communication error",
    "server closed the connection",
    "server socket closed",
    "terminating connection",
    "broken pipe",
    "brokenpipe",
    "timed out",
    "slowdown",
)
# Prefixes of SQLSTATE codes. The last four are "already exists": two runs at the same
# time may both create a table or add a column.
TRANSIENT_STATES = ("08", "40", "53", "57", "42P06", "42P07", "42701", "23505")
NEXT_STEP_BY_STATE = {
    "28": "Check NIGHTSHIFT_REDSHIFT_USER and NIGHTSHIFT_REDSHIFT_PASSWORD, or the "
    "rights of the IAM identity",
    "3D": "Check NIGHTSHIFT_REDSHIFT_DATABASE",
    "42501": "Grant the privilege, see docs/redshift.md",
}
IAM_ROLE_TEXTS = (
    "s3serviceexception",
    "accessdenied",
    "assumerole",
    "iam_role",
    "iam role",
    "not authorized",
)
IAM_ROLE_NEXT_STEP = (
    "Check NIGHTSHIFT_COPY_IAM_ROLE: the role must be attached to the cluster and have "
    "read and write access to the buckets, see docs/redshift.md"
)
# What the driver raises when its socket is closed or the answer breaks off.
CLOSED_SOCKET_ERRORS = (
    OSError,
    EOFError,
    AttributeError,
    IndexError,
    TypeError,
    ValueError,
    struct.error,
)
MISSING_OBJECT_TEXTS = ("no such key", "nosuchkey", "specified key does not exist")


@contextmanager
def classified_errors(action: str) -> Iterator[None]:
    """Raise the driver's errors as ours, with the action and the next step."""
    interruption.check()
    try:
        yield
    except NightshiftError:
        raise
    except Exception as error:  # the driver raises many classes for a closed socket
        interruption.check()
        raise classify(error, action) from error


def classify(error: Exception, action: str) -> NightshiftError:
    """Return our error for any exception of the driver, its socket or its login."""
    import redshift_connector
    from botocore.exceptions import BotoCoreError, ClientError
    from dbt_common.exceptions import DbtBaseException

    if isinstance(error, redshift_connector.Error | redshift_connector.Warning):
        return _classify_driver_error(error, action)
    if isinstance(error, ssl.SSLCertVerificationError):
        return ConfigError(
            f"The certificate of Redshift is not trusted ({action}: {error}). Check "
            "NIGHTSHIFT_REDSHIFT_HOST and NIGHTSHIFT_REDSHIFT_SSLMODE, or update the "
            "certificates of this machine."
        )
    if isinstance(error, CLOSED_SOCKET_ERRORS):
        return TransientError(
            f"The connection to Redshift was lost ({action}: "
            f"{type(error).__name__}: {error}). Check the network, then run again."
        )
    if isinstance(error, BotoCoreError | ClientError | DbtBaseException):
        return ConfigError(
            f"Redshift failed ({action}: {error}). Check the NIGHTSHIFT_REDSHIFT_* "
            "and AWS_* variables."
        )
    return NightshiftError(
        f"Redshift failed unexpectedly ({action}: {type(error).__name__}: {error}). "
        "Run again; if it fails again, look for the statement in the log."
    )


def is_transient(message: str) -> bool:
    """Return whether a Redshift error message is that of a transient error."""
    has_number = TRANSIENT_NUMBERS.search(message) is not None
    return has_number or any(text in message.lower() for text in TRANSIENT_TEXTS)


def type_name(code: int) -> str:
    """Return the type name for a type code of a cursor's description."""
    from redshift_connector.utils.oids import get_datatype_name

    return str(get_datatype_name(code)).lower()


def _classify_driver_error(error: Exception, action: str) -> NightshiftError:
    """Classify an error of the driver by its SQLSTATE and its message.

    The driver passes the fields of a server error as a dict: C is the SQLSTATE, M the
    message and D the detail.
    """
    import redshift_connector

    first = error.args[0] if error.args else ""
    fields = first if isinstance(first, dict) else {}
    state = str(fields.get("C", ""))
    message = " ".join(
        str(part) for part in (fields.get("M", ""), fields.get("D", "")) if part
    ) or " ".join(str(part) for part in error.args)
    text = f"{message.strip()} ({state or type(error).__name__}, {action})"
    for prefix, next_step in NEXT_STEP_BY_STATE.items():
        if state.startswith(prefix):
            return ConfigError(f"{text}. {next_step}.")
    is_connection_error = isinstance(
        error, redshift_connector.InterfaceError | redshift_connector.OperationalError
    )
    if (
        is_connection_error
        or is_transient(message)
        or state.startswith(TRANSIENT_STATES)
    ):
        return TransientError(f"{text}. Nothing was committed. Run again.")
    if _is_about_iam_role(message.lower()):
        return ConfigError(f"{text}. {IAM_ROLE_NEXT_STEP}.")
    return DataError(
        f"{text}. Nothing was committed. Correct the statement or the data that the "
        "message names, then run again."
    )


def _is_about_iam_role(message: str) -> bool:
    """Return whether the role lacks access; a missing S3 object looks similar."""
    return any(text in message for text in IAM_ROLE_TEXTS) and not any(
        text in message for text in MISSING_OBJECT_TEXTS
    )
