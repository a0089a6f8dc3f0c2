"""Temporary credentials of IAM open a session, through the driver and AWS's own API."""

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
def with_iam(world_outside: dict[str, str]) -> Iterator[dict[str, str]]:
    """Give a cluster that AWS knows by its name, and a user without a password."""
    endpoint = world_outside["AWS_ENDPOINT_URL_S3"]
    api = boto3.client(
        "redshift",
        endpoint_url=endpoint,
        region_name=world_outside["AWS_REGION"],
        aws_access_key_id=world_outside["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=world_outside["AWS_SECRET_ACCESS_KEY"],
    )
    api.create_cluster(
        ClusterIdentifier=CLUSTER_ID,
        NodeType="ra3.large",
        MasterUsername="admin",
        MasterUserPassword="Not-used-1",
    )
    with up.running("redshift", extra=["--any-iam-password"]) as stack:
        made = stack.environment
        handle = redshift_connector.connect(
            host=made["NIGHTSHIFT_REDSHIFT_HOST"],
            port=int(made["NIGHTSHIFT_REDSHIFT_PORT"]),
            user=made["NIGHTSHIFT_REDSHIFT_USER"],
            password=made["NIGHTSHIFT_REDSHIFT_PASSWORD"],
            database=made["NIGHTSHIFT_REDSHIFT_DATABASE"],
            ssl=False,
            sslmode="verify-ca",
        )
        handle.autocommit = True
        handle.cursor().execute(f"create user {USER} password disable")
        handle.close()
        yield made | {
            "AWS_ENDPOINT_URL_REDSHIFT": endpoint,
            "NIGHTSHIFT_REDSHIFT_METHOD": "iam",
            "NIGHTSHIFT_REDSHIFT_USER": USER,
            "NIGHTSHIFT_REDSHIFT_PASSWORD": "",
            "NIGHTSHIFT_REDSHIFT_REGION": world_outside["AWS_REGION"],
            "NIGHTSHIFT_REDSHIFT_CLUSTER_ID": CLUSTER_ID,
        }


def test_credentials_from_iam_open_a_session_as_that_user(
    turned_to: Callable[..., None], with_iam: dict[str, str]
) -> None:
    turned_to("cluster", **with_iam)
    with warehouse.session() as connection:
        assert connection.fetch_one("-- tests\nselect current_user") == (USER,)


def test_a_cluster_that_aws_does_not_know_is_a_setting_to_mend(
    turned_to: Callable[..., None], with_iam: dict[str, str]
) -> None:
    turned_to("cluster", **(with_iam | {"NIGHTSHIFT_REDSHIFT_CLUSTER_ID": "other"}))
    with pytest.raises(ConfigError, match="AWS_"), warehouse.session():
        pass


def test_iam_without_a_cluster_says_what_is_missing(
    turned_to: Callable[..., None], with_iam: dict[str, str]
) -> None:
    turned_to("cluster", **(with_iam | {"NIGHTSHIFT_REDSHIFT_CLUSTER_ID": ""}))
    with pytest.raises(ConfigError, match="cluster_id"), warehouse.session():
        pass
