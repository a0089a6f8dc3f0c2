"""The wordings of an alert, the limits of services, and malformed URLs."""

from collections.abc import Iterator
from datetime import date

import pytest

from loaders import alerts
from loaders.config import settings
from orchestrate.runs.alert_text import Alert, wordings

DAY = date(2026, 11, 24)
COMMAND = f"nightshift run --date {DAY}"


@pytest.fixture(autouse=True)
def _forget_settings() -> Iterator[None]:
    yield
    settings.load.cache_clear()


CAUSE = "LoadRawTable orgs"
LIMITED = [
    "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkOXrIdevi7FQ/#general",
    "workflows://host:443/643e69f83c8944438d6811917/KODuebWbDGYFr0z0eu6Rj8aUKz",
    "pagerduty://" + "a" * 32 + "@" + "b" * 32,
    "opsgenie://a3bf1d8a-1f1e-4a5e-a2e7-aaaaaaaaaaaa/@user",
    "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
    "tgram://123456789:abcdefg_hijklmnop/12315544/",
    "vonage://abcd1234:abcdefghijklmnop@15551230000/15551231234",
    "ntfy://ntfy.sh/topic",
    "zulip://bot@org/abcdefghijklmnopqrstuvwxyz012345/channel",
    "gchat://workspace/webhook-key/webhook-token",
    "bsky://user@abcd-efgh-ijkl-mnop",
    "plivo://" + "a" * 25 + "@" + "b" * 40 + "/15551232000/15551231234",
    "mailto://user:pass@example.com",
    "kodi://localhost",
]


@pytest.mark.parametrize("url", LIMITED)
def test_limits_of_a_service_never_cost_the_remedy(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_ALERTS__URLS", url)
    settings.load.cache_clear()
    (entry,) = settings.load().alerts.urls
    plugin = alerts._plugin(entry)
    alert = Alert(
        "error",
        f"The run for {DAY} failed: {CAUSE} (local/v1 on local)",
        root_cause=CAUSE,
        error="The object is damaged: " + "é<b>*x*_y_`z`\n" * 400,
        command=COMMAND,
        can_wait="No",
        reason="r" * 500,
        others=[[f"DbtModel m{n}", "e" * 900] for n in range(30)],
        blocked={"models": [f"model_number_{n}" for n in range(200)]},
    )
    text, body_format = alerts._select_text(plugin, wordings(alert))
    body = text.plain if body_format == "text" else text.markdown
    (call,) = plugin._build_send_calls(
        body=body, title=text.title, body_format=body_format
    )
    sent = f"{call['title']}\n{call['body']}"
    assert len(call["body"]) <= plugin.body_maxlen
    assert len(call["title"]) <= max(plugin.title_maxlen, 0)
    assert COMMAND in sent.replace("\\", "") and CAUSE in sent
    if plugin.body_maxlen > 300:
        assert "damaged" in sent
    lines = plugin.body_max_line_count
    assert not lines or len(call["body"].splitlines()) <= lines


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("slack://s3cret", ["entry 1 (slack)"]),
        ("json://ok slakc://s3cret/x", ["entry 2 (slakc)", "no service"]),
        ('["pagerduty://s3cret"]', ["entry 1 (pagerduty)"]),
        ("s3cret", ["entry 1 is not a URL"]),
        ('{"url": "s3cret://x"}', ["must be a list"]),
        ('["json://s3cret', ["not valid JSON"]),
        ('[{"url": "json://s3cret", "to": 1}]', ["entry 1 (json)", "unknown key"]),
        ('[{"slack://s3cret": "x"}]', ["entry 1", "no URL", "unknown key"]),
        ('[{"url": "json://s3cret", "severities": ["page"]}]', ["unknown severity"]),
        ('[{"url": "json://s3cret", "severities": []}]', ["critical, error, warning"]),
        ("[7]", ["entry 1 has no URL"]),
        ("json://s3cret/,slack://x", ["several URLs"]),
    ],
)
def test_malformed_urls_are_named_without_their_secrets(
    value: str, parts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_ALERTS__URLS", value)
    settings.load.cache_clear()
    with pytest.raises(settings.ConfigError) as caught:
        alerts.check(settings.load().alerts.urls)
    message = str(caught.value)
    assert all(part in message for part in parts), message
    assert "NIGHTSHIFT_ALERTS__URLS" in message and "s3cret" not in message
