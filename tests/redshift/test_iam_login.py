"""Log in to Redshift with temporary IAM credentials, through the driver and boto3."""

from collections.abc import Callable, Iterator

import boto3
import pytest
import redshift_connector

from loaders import warehouse
from loaders.errors import ConfigError
from tests.emulators import up

CLUSTER_ID = "nightshift"
USER = "pipeline_user"


@pytest.fixture(scope="module")
def iam_environment(shared_emulators: dict[str, str]) -> Iterator[dict[str, str]]:
    """Create a cluster in AWS with a user without a password; yield its variables."""
    endpoint = shared_emulators["AWS_ENDPOINT_URL_S3"]
    redshift_api = boto3.client(
        "redshift",
        endpoint_url=endpoint,
        region_name=shared_emulators["AWS_REGION"],
        aws_access_key_id=shared_emulators["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=shared_emulators["AWS_SECRET_ACCESS_KEY"],
    )
    redshift_api.create_cluster(
        ClusterIdentifier=CLUSTER_ID,
        NodeType="ra3.large",
        MasterUsername="admin",
        MasterUserPassword="Not-used-1",
    )
    with up.running("redshift", extra=["--any-iam-password"]) as started:
        environment = started.environment
        handle = redshift_connector.connect(
            host=environment["NIGHTSHIFT_REDSHIFT_HOST"],
            port=int(environment["NIGHTSHIFT_REDSHIFT_PORT"]),
            user=environment["NIGHTSHIFT_REDSHIFT_USER"],
            password=environment["NIGHTSHIFT_REDSHIFT_PASSWORD"],
            database=environment["NIGHTSHIFT_REDSHIFT_DATABASE"],
            ssl=False,
            sslmode="verify-ca",
        )
        handle.autocommit = True
        handle.cursor().execute(f"create user {USER} password disable")
        handle.close()
        yield environment | {
            "AWS_ENDPOINT_URL_REDSHIFT": endpoint,
            "NIGHTSHIFT_REDSHIFT_METHOD": "iam",
            "NIGHTSHIFT_REDSHIFT_USER": USER,
            "NIGHTSHIFT_REDSHIFT_PASSWORD": "",
            "NIGHTSHIFT_REDSHIFT_REGION": shared_emulators["AWS_REGION"],
            "NIGHTSHIFT_REDSHIFT_CLUSTER_ID": CLUSTER_ID,
        }


def test_iam_credentials_open_a_session_as_the_configured_user(
    use_warehouse: Callable[..., None], iam_environment: dict[str, str]
) -> None:
    use_warehouse("redshift", **iam_environment)
    with warehouse.session() as connection:
        assert connection.fetch_one(
            "-- tests.redshift.test_iam_login read user\nselect current_user"
        ) == (USER,)


@pytest.mark.parametrize(
    ("cluster_id", "message"), [("other", "AWS_"), ("", "cluster_id")]
)
def test_unknown_or_missing_cluster_id_is_a_config_error(
    use_warehouse: Callable[..., None],
    iam_environment: dict[str, str],
    cluster_id: str,
    message: str,
) -> None:
    environment = iam_environment | {"NIGHTSHIFT_REDSHIFT_CLUSTER_ID": cluster_id}
    use_warehouse("redshift", **environment)
    with pytest.raises(ConfigError, match=message), warehouse.session():
        pass
