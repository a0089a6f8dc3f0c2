"""Redshift sessions and the classification of their errors.

Host, user and login method (password, IAM, serverless) come from the dbt profile; dbt's
own credential classes open the session. Only this module imports redshift_connector and
dbt-redshift, inside functions because each takes seconds to import.
"""

import re
import ssl
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from uuid import uuid4

from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from loaders import interruption
from loaders.config import environment
from loaders.errors import ConfigError, DataError, NightshiftError, TransientError

FETCH_ROWS = 1000  # the most that a cluster of a single node allows

# Conflicts between transactions; a cluster that restarts or is busy.
TRANSIENT_TEXTS = (
    "serializable isolation violation",
    "conflict with concurrent transaction",
    "could not open relation with oid",
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
# Prefixes of SQLSTATE codes. The last three are "already exists": two first runs at the
# same time may both create a table.
TRANSIENT_STATES = ("08", "40", "53", "57", "42P06", "42P07", "23505")
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


def open_session(values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - driver's type
    """Open a session in autocommit mode with the credentials of the dbt profile.

    Retries `retries` times while Redshift is unreachable. Raises `ConfigError` with the
    setting to correct, or `TransientError` if Redshift stays unreachable.
    """
    environment.require_services()
    from dbt.adapters.redshift.connections import get_connection_method

    credentials = _credentials(values)
    attempts = Retrying(
        retry=retry_if_exception_type(TransientError),
        stop=stop_after_attempt(1 + int(credentials.retries or 0)),
        wait=wait_random_exponential(multiplier=0.5, max=10),
        reraise=True,
    )

    def connect() -> Any:  # noqa: ANN401 - driver's type
        with classified_errors(f"connecting to {credentials.host}"):
            handle = get_connection_method(credentials)()
            handle.autocommit = True
            return handle

    return attempts(connect)


def _credentials(values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - dbt's type
    from dbt.adapters.redshift.connections import RedshiftCredentials
    from dbt_common.dataclass_schema import ValidationError
    from dbt_common.exceptions import DbtValidationError

    options = {key: value for key, value in values.items() if key != "type"}
    try:
        options = RedshiftCredentials.translate_aliases(options)
        RedshiftCredentials.validate(options)
        credentials = RedshiftCredentials.from_dict(options)
    except (ValidationError, DbtValidationError) as error:
        raise ConfigError(
            f"The target in the dbt profile is invalid: {_invalid_keys(error)}. "
            "Compare it with profiles.yml.example."
        ) from None
    if credentials.method == "database" and not credentials.password:
        raise ConfigError(
            "NIGHTSHIFT_REDSHIFT_PASSWORD is not set. Set it, or log in with "
            "NIGHTSHIFT_REDSHIFT_METHOD=iam or iam_role."
        )
    return credentials


def _invalid_keys(error: Any) -> str:  # noqa: ANN401 - dbt's type
    """Return the keys that dbt found invalid, without values such as a password."""
    if path := list(getattr(error, "path", ())):
        return f"{'.'.join(map(str, path))} has the wrong type or value"
    return " ".join(str(getattr(error, "message", None) or error).split())


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


def stream(
    handle: Any,  # noqa: ANN401 - driver's type
    sql: str,
    parameters: Sequence[object] = (),
    *,
    size: int,
) -> Iterator[list[tuple[Any, ...]]]:
    """Yield batches of a query's rows through a cursor; the driver keeps all results.

    Opens a transaction for the cursor unless one is open.
    """
    sender, _, query = sql.partition("\n")
    name = f"stream_{uuid4().hex}"

    def execute(statement: str) -> Any:  # noqa: ANN401 - driver's type
        with classified_errors(sender.removeprefix("-- ")):
            cursor = handle.cursor()
            return cursor.execute(f"{sender}\n{statement}")

    size = min(size, FETCH_ROWS)
    is_own_transaction = not handle.in_transaction
    if is_own_transaction:
        execute("begin")
    try:
        execute(f"declare {name} cursor for {_with_literals(query, parameters)}")
        while batch := execute(f"fetch forward {size} from {name}").fetchall():
            yield [tuple(row) for row in batch]
            if len(batch) < size:
                break
        execute(f"close {name}")
    finally:
        if is_own_transaction:
            execute("rollback")


def _with_literals(query: str, parameters: Sequence[object]) -> str:
    """Put the parameters into a query: DECLARE accepts no bound parameters."""
    first, *rest = query.split("?")
    pairs = zip(parameters, rest, strict=True)
    return first + "".join(f"{_literal(value)}{text}" for value, text in pairs)


def _literal(value: object) -> str:
    text = str(value)
    if isinstance(value, int):
        return text
    if "\\" in text:
        raise DataError(f"{text!r} contains a backslash, which cannot be searched for.")
    return "'" + text.replace("'", "''") + "'"


def is_transient(message: str) -> bool:
    """Return whether a Redshift error message is that of a transient error."""
    # dbt reports error 1023 as only that number on a separate line.
    is_conflict = re.search(r"^\s*1023\b", message, re.MULTILINE) is not None
    return is_conflict or any(text in message.lower() for text in TRANSIENT_TEXTS)


def close(handle: Any) -> None:  # noqa: ANN401 - driver's type
    """Close a session, even if its connection is already lost."""
    with suppress(NightshiftError), classified_errors("closing"):
        handle.close()


def take_server_messages(handle: Any) -> list[str]:  # noqa: ANN401 - driver's type
    """Return and clear the text of the NOTICE and WARNING messages received so far."""
    messages = [fields.get(b"M", b"") for fields in handle.notices]
    handle.notices.clear()
    return [message.decode("utf-8", "replace") for message in messages]


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
