"""The function of the template that limits the RPU hours of a serverless workgroup."""

import sys
from types import ModuleType
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from tests.deploy import stack

LIMIT_CALLS = {"ListUsageLimits", "CreateUsageLimit", "UpdateUsageLimit"}


@pytest.mark.parametrize("existing", [[], [{"usageLimitId": "u-1", "period": "daily"}]])
def test_function_sets_the_limit_with_calls_that_its_role_allows(
    existing: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    template = stack.declared()
    sent: list[str] = []
    response = ModuleType("cfnresponse")
    vars(response).update(
        SUCCESS="SUCCESS", FAILED="FAILED", send=lambda *a, **_: sent.append(a[2])
    )
    monkeypatch.setitem(sys.modules, "cfnresponse", response)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    client = boto3.client("redshift-serverless", stack.REGION)
    monkeypatch.setattr(boto3, "client", lambda _: client)
    made: list[str] = []
    client.meta.events.register(
        "before-call", lambda model, **_: made.append(model.name)
    )
    scope: dict[str, Any] = {}
    exec(template["LimitFunction"]["Properties"]["Code"]["ZipFile"], scope)
    change = {"amount": 24, "breachAction": "deactivate"}
    with Stubber(client) as stubber:
        stubber.add_response(
            "list_usage_limits",
            {"usageLimits": existing} if existing else {},
            {"resourceArn": stack.WORKGROUP, "usageType": "serverless-compute"},
        )
        if existing:
            stubber.add_response(
                "update_usage_limit", {}, {"usageLimitId": "u-1", **change}
            )
        else:
            stubber.add_response(
                "create_usage_limit",
                {},
                {
                    "resourceArn": stack.WORKGROUP,
                    "usageType": "serverless-compute",
                    "period": "daily",
                    **change,
                },
            )
        properties = {"WorkgroupArn": stack.WORKGROUP, "DailyRpuHours": "24"}
        event = {"RequestType": "Create", "ResourceProperties": properties}
        scope["handle"](event, None)
        stubber.assert_no_pending_responses()
        scope["handle"]({**event, "RequestType": "Delete"}, None)
    assert sent == ["SUCCESS", "SUCCESS"]
    (statement,) = template["LimitRole"]["Properties"]["Policies"][0]["PolicyDocument"][
        "Statement"
    ]
    allowed = {action.partition(":")[2] for action in statement["Action"]}
    assert set(made) <= allowed == LIMIT_CALLS
