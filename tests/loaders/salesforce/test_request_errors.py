"""Every exception of requests is classified by how the caller may continue."""

import inspect

import pytest
import requests

from loaders.errors import ConfigError, TransientError
from loaders.salesforce_api import request_errors
from loaders.salesforce_api.request_errors import OutcomeUnknownError, RetryableError

URL = "https://acme.example/services/data/v60.0/jobs?secret=1"
KINDS = [
    kind
    for _, kind in inspect.getmembers(requests.exceptions, inspect.isclass)
    if issubclass(kind, requests.RequestException)
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_each_exception_of_requests_has_a_class_and_a_next_step(
    kind: type[requests.RequestException], method: str
) -> None:
    error = (
        kind("broken", "{", 0)
        if issubclass(kind, requests.exceptions.JSONDecodeError)
        else kind("broken")
    )
    shown = request_errors.error_from_exception(method, URL, error)
    if isinstance(error, request_errors.SETTING_ERRORS):
        assert isinstance(shown, ConfigError)
    else:
        assert isinstance(shown, TransientError)
        # A request that may have changed something must not be sent again unseen.
        is_unsent = kind is requests.ConnectTimeout
        is_safe = method == "GET" or is_unsent
        expected = RetryableError if is_safe else OutcomeUnknownError
        assert isinstance(shown, expected)
    assert "secret" not in str(shown) and str(shown).endswith(".")
