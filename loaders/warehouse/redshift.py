"""A cluster's sessions: opened with dbt's own credential classes, its errors sorted.

Host, user and way of logging in (password, IAM, serverless) come from the dbt profile.
The one importer of the cluster's driver and of dbt's adapter for it; both cost seconds
to import, which the embedded engine need not pay.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from loaders.errors import ConfigError, DataError, NightshiftError, TransientError

# What passes by itself: conflicts of transactions, a cluster that restarts or is full.
TRANSIENT_SIGNS = (
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
TRANSIENT_STATES = ("08", "40", "53", "57")
# Two first nights at once may both create a table; the second finds it there.
TRANSIENT_STATES += ("42P06", "42P07", "23505")
REMEDIES = {
    "28": "Check NIGHTSHIFT_REDSHIFT_USER and NIGHTSHIFT_REDSHIFT_PASSWORD, or the "
    "rights of the IAM identity",
    "3D": "Check NIGHTSHIFT_REDSHIFT_DATABASE",
    "42501": "Grant it, see docs/redshift.md",
}
ROLE_SIGNS = ("s3serviceexception", "accessdenied", "assumerole", "iam_role")
ROLE_SIGNS += ("iam role", "not authorized")
ROLE_REMEDY = (
    "Check NIGHTSHIFT_COPY_IAM_ROLE: the role must be attached to the cluster and may "
    "read and write the buckets, see docs/redshift.md"
)
FORGIVEN_SIGNS = ("no such key", "nosuchkey", "specified key does not exist")


def open_session(values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - driver's own
    """Open a session as the dbt profile's output says, each statement its own commit.

    Tried again `retries` times when the cluster does not answer. `ConfigError` says
    which setting is wrong, `TransientError` that it never answered.
    """
    from dbt.adapters.redshift.connections import get_connection_method

    credentials = _credentials(values)
    attempts = Retrying(
        retry=retry_if_exception_type(TransientError),
        stop=stop_after_attempt(1 + int(credentials.retries or 0)),
        wait=wait_random_exponential(multiplier=0.5, max=10),
        reraise=True,
    )

    def connect() -> Any:  # noqa: ANN401 - driver's own
        with explained(f"connecting to {credentials.host}"):
            handle = get_connection_method(credentials)()
            handle.autocommit = True
            return handle

    return attempts(connect)


def _credentials(values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - dbt's own
    from dbt.adapters.redshift.connections import RedshiftCredentials
    from dbt_common.dataclass_schema import ValidationError

    given = {key: value for key, value in values.items() if key != "type"}
    given = RedshiftCredentials.translate_aliases(given)
    try:
        RedshiftCredentials.validate(given)
        credentials = RedshiftCredentials.from_dict(given)
    except ValidationError as error:
        raise ConfigError(
            f"The dbt profile's target cannot be read: {error.message}. Compare with "
            f"profiles.yml.example."
        ) from None
    if credentials.method == "database" and not credentials.password:
        raise ConfigError(
            "NIGHTSHIFT_REDSHIFT_PASSWORD is not set. Set it, or log in with "
            "NIGHTSHIFT_REDSHIFT_METHOD=iam or iam_role."
        )
    return credentials


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turn the driver's errors into ours: what was done, what is wrong, what to do."""
    import redshift_connector
    from botocore.exceptions import BotoCoreError, ClientError
    from dbt_common.exceptions import DbtBaseException

    try:
        yield
    except redshift_connector.Error as error:
        raise _sorted(error, doing) from error
    except (OSError, AttributeError, ValueError) as error:
        # What the driver raises when its socket has gone, some of it unmeant.
        raise TransientError(
            f"The warehouse's connection was lost, {doing}: {error}. Run again."
        ) from error
    except (BotoCoreError, ClientError, DbtBaseException) as error:
        raise ConfigError(
            f"{doing}: {error} Check the NIGHTSHIFT_REDSHIFT_* and AWS_* variables."
        ) from error


def is_transient(message: str) -> bool:
    """Say whether an error message of a cluster is of a kind that passes by itself."""
    # dbt tells of error 1023 by its number alone, on a line of its own.
    is_conflict = re.search(r"^\s*1023\b", message, re.MULTILINE) is not None
    return is_conflict or any(sign in message.lower() for sign in TRANSIENT_SIGNS)


def close(handle: Any) -> None:  # noqa: ANN401 - driver's own
    """Close a session, also one whose connection is lost already."""
    with suppress(NightshiftError), explained("closing"):
        handle.close()


def take_notices(handle: Any) -> list[str]:  # noqa: ANN401 - driver's own
    """Return the notices since last asked, as text."""
    taken = [notice.get(b"M", b"") for notice in handle.notices]
    handle.notices.clear()
    return [notice.decode("utf-8", "replace") for notice in taken]


def type_name(code: int) -> str:
    """Return the name of a column's type from the number in a cursor's description."""
    from redshift_connector.utils.oids import get_datatype_name

    return str(get_datatype_name(code)).lower()


def _sorted(error: Exception, doing: str) -> NightshiftError:
    import redshift_connector

    told = error.args[0] if error.args else ""
    facts = told if isinstance(told, dict) else {}
    state = str(facts.get("C", ""))
    message = " ".join(
        str(part) for part in (facts.get("M", ""), facts.get("D", "")) if part
    ) or " ".join(str(part) for part in error.args)
    text = f"{message.strip()} ({state or type(error).__name__}, {doing})"
    for sign, remedy in REMEDIES.items():
        if state.startswith(sign):
            return ConfigError(f"{text}. {remedy}.")
    is_lost = isinstance(
        error, redshift_connector.InterfaceError | redshift_connector.OperationalError
    )
    if is_lost or is_transient(message) or state.startswith(TRANSIENT_STATES):
        return TransientError(f"{text}. Run again; nothing of it was kept.")
    lowered = message.lower()
    if any(sign in lowered for sign in ROLE_SIGNS) and not any(
        sign in lowered for sign in FORGIVEN_SIGNS
    ):
        return ConfigError(f"{text}. {ROLE_REMEDY}.")
    return DataError(f"{text}. Nothing of it was kept; mend what it names, run again.")
