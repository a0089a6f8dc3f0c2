"""The questions of `nightshift init`, in their order."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from loaders.config import environment

SCHEDULER = environment.SCHEDULER_URL
Answers = Mapping[str, str]


def _always(_: Answers) -> bool:
    return True


def _on_redshift(answers: Answers) -> bool:
    return answers.get("DBT_TARGET") != "local"


def _with_password(answers: Answers) -> bool:
    method = answers.get("NIGHTSHIFT_REDSHIFT_METHOD")
    return _on_redshift(answers) and method == "database"


def _with_user(answers: Answers) -> bool:
    method = answers.get("NIGHTSHIFT_REDSHIFT_METHOD")
    return _on_redshift(answers) and method in ("database", "iam")


def _with_login(*kinds: str) -> Callable[[Answers], bool]:
    return lambda answers: answers.get("NIGHTSHIFT_SALESFORCE__AUTH") in kinds


def _with_mail(answers: Answers) -> bool:
    return bool(answers.get("NIGHTSHIFT_SMTP__HOST"))


def _with_mail_user(answers: Answers) -> bool:
    return bool(answers.get("NIGHTSHIFT_SMTP__USERNAME"))


@dataclass(frozen=True)
class Question:
    """A question for one variable; `is_needed` decides by the earlier answers."""

    variable: str
    text: str
    default: str = ""
    is_required: bool = False
    is_secret: bool = False
    is_needed: Callable[[Answers], bool] = _always


QUESTIONS = (
    Question(
        "DBT_TARGET",
        "dbt target: local (DuckDB), prod or dev (Redshift)",
        "local",
        is_required=True,
    ),
    Question("NIGHTSHIFT_RAW_URL", "S3 URL of the raw partitions", is_required=True),
    Question("NIGHTSHIFT_ARCHIVE_URL", "S3 URL of the archive", is_required=True),
    Question("AWS_REGION", "AWS region of the buckets"),
    Question(
        "NIGHTSHIFT_REDSHIFT_HOST",
        "Redshift: host name of the endpoint",
        is_required=True,
        is_needed=_on_redshift,
    ),
    Question(
        "NIGHTSHIFT_REDSHIFT_DATABASE",
        "Redshift: database",
        "analytics",
        is_needed=_on_redshift,
    ),
    Question(
        "NIGHTSHIFT_REDSHIFT_METHOD",
        "Redshift: login with iam_role, iam or database (user and password)",
        "iam_role",
        is_needed=_on_redshift,
    ),
    Question(
        "NIGHTSHIFT_REDSHIFT_USER",
        "Redshift: user",
        is_required=True,
        is_needed=_with_user,
    ),
    Question(
        "NIGHTSHIFT_REDSHIFT_PASSWORD",
        "Redshift: password, or secretsmanager:NAME or ssm:NAME",
        is_required=True,
        is_secret=True,
        is_needed=_with_password,
    ),
    Question(
        "NIGHTSHIFT_COPY_IAM_ROLE",
        "Redshift: IAM role of COPY and UNLOAD",
        "default",
        is_needed=_on_redshift,
    ),
    Question(
        "NIGHTSHIFT_SALESFORCE__AUTH",
        "Salesforce: login with client_credentials, jwt, access_token or password",
        "client_credentials",
    ),
    Question(
        "NIGHTSHIFT_SALESFORCE__INSTANCE_URL",
        "Salesforce: https://NAME.my.salesforce.com",
        is_required=True,
        is_needed=_with_login("client_credentials", "jwt", "access_token"),
    ),
    Question(
        "NIGHTSHIFT_SALESFORCE__CLIENT_ID",
        "Salesforce: consumer key of the connected app",
        is_required=True,
        is_needed=_with_login("client_credentials", "jwt"),
    ),
    Question(
        "NIGHTSHIFT_SALESFORCE__CLIENT_SECRET",
        "Salesforce: consumer secret, or secretsmanager:NAME or ssm:NAME",
        is_required=True,
        is_secret=True,
        is_needed=_with_login("client_credentials"),
    ),
    Question(
        "NIGHTSHIFT_SALESFORCE__USERNAME",
        "Salesforce: user name",
        is_required=True,
        is_needed=_with_login("jwt", "password"),
    ),
    Question(
        "NIGHTSHIFT_SALESFORCE__PASSWORD",
        "Salesforce: password, or secretsmanager:NAME or ssm:NAME",
        is_required=True,
        is_secret=True,
        is_needed=_with_login("password"),
    ),
    Question(
        "NIGHTSHIFT_SALESFORCE__PRIVATE_KEY_FILE",
        "Salesforce: path of the private key, or secretsmanager:NAME or ssm:NAME",
        is_required=True,
        is_needed=_with_login("jwt"),
    ),
    Question(
        "NIGHTSHIFT_SALESFORCE__ACCESS_TOKEN",
        "Salesforce: access token, or secretsmanager:NAME or ssm:NAME",
        is_required=True,
        is_secret=True,
        is_needed=_with_login("access_token"),
    ),
    Question("NIGHTSHIFT_SMTP__HOST", "Mail: host of the server (empty: no mail)"),
    Question("NIGHTSHIFT_SMTP__SENDER", "Mail: sender", is_needed=_with_mail),
    Question(
        "NIGHTSHIFT_SMTP__USERNAME",
        "Mail: user name (empty: no login)",
        is_needed=_with_mail,
    ),
    Question(
        "NIGHTSHIFT_SMTP__PASSWORD",
        "Mail: password, or secretsmanager:NAME or ssm:NAME",
        is_required=True,
        is_secret=True,
        is_needed=_with_mail_user,
    ),
    Question(
        "NIGHTSHIFT_REPORT__RECIPIENTS",
        "Mail: recipients of the report, separated by commas",
        is_needed=_with_mail,
    ),
    Question(
        "NIGHTSHIFT_ON_CALL__RECIPIENTS",
        "Mail: recipients of alerts (empty: those of the report)",
        is_needed=_with_mail,
    ),
    Question(
        "NIGHTSHIFT_ALERTS__URLS",
        "Alerts: URLs of apprise, or secretsmanager:NAME or ssm:NAME (empty: none)",
        is_secret=True,
    ),
    Question(
        "NIGHTSHIFT_ALERTS__HEARTBEAT_URL",
        "Alerts: URL of a healthchecks service (empty: none)",
        is_secret=True,
    ),
    Question(SCHEDULER, "URL of luigid (empty: no central scheduler)"),
)
