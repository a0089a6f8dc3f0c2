"""REST endpoints of metadata: versions, resources, limits, objects and fields."""

from werkzeug.wrappers import Response

from tests.emulators.salesforce.api_call import ApiCall, Rule, json_response
from tests.emulators.salesforce.errors import not_found
from tests.emulators.salesforce.objects import describe_json, layouts

OLDEST_VERSION, NEWEST_VERSION = 31, 66
SEASONS = ("Winter", "Spring", "Summer")
WINTER_25_VERSION = 62
RESOURCES = (
    "tooling",
    "metadata",
    "eclair",
    "folders",
    "jsonxform",
    "chatter",
    "search",
    "query",
    "sobjects",
    "limits",
    "jobs",
    "composite",
    "parameterizedSearch",
    "queryAll",
    "recent",
    "process",
    "actions",
    "support",
    "quickActions",
)


def versions(call: ApiCall) -> Response:
    """GET /services/data: the supported versions; needs no session."""
    return json_response(
        [
            {
                "label": _release_label(number),
                "url": f"/services/data/v{number}.0",
                "version": f"{number}.0",
            }
            for number in range(OLDEST_VERSION, NEWEST_VERSION + 1)
        ]
    )


def _release_label(version: int) -> str:
    """Return the label of an API version, such as `Winter '25` for 62."""
    releases = version - WINTER_25_VERSION
    season = SEASONS[releases % len(SEASONS)]
    year = 25 + releases // len(SEASONS)
    return f"{season} '{year:02d}"


def resources(call: ApiCall) -> Response:
    """GET /services/data/vXX.X: the URLs of this version's resources."""
    urls = {name: f"{call.base_path}/{name}" for name in RESOURCES}
    urls["identity"] = f"{call.host_url}/id/{call.org.id}/{call.org.user_id}"
    return json_response(urls)


def limits(call: ApiCall) -> Response:
    """GET /limits."""
    return json_response(call.org.limits.as_json())


def record_counts(call: ApiCall) -> Response:
    """GET /limits/recordCount, for all objects or for `sObjects=a,b`."""
    names = call.request.args.get("sObjects", "").lower().split(",")
    return json_response(
        {
            "sObjects": [
                {"count": call.org.store.count_records(sobject), "name": sobject.name}
                for sobject in call.org.schema
                if not sobject.is_read_only
                and (names == [""] or sobject.name.lower() in names)
            ]
        }
    )


def sobjects(call: ApiCall) -> Response:
    """GET /sobjects: all objects, without their fields."""
    return json_response(
        {
            "encoding": "UTF-8",
            "maxBatchSize": 200,
            "sobjects": [
                describe_json.summary(sobject, call.base_path)
                for sobject in call.org.schema
                if not sobject.is_tooling
            ],
        }
    )


def describe(call: ApiCall, name: str) -> Response:
    """GET /sobjects/X/describe."""
    return json_response(
        describe_json.description(
            call.sobject(name),
            call.org.schema,
            base_path=call.base_path,
            host_url=call.host_url,
        )
    )


def page_layouts(call: ApiCall, name: str, record_type: str = "") -> Response:
    """GET /sobjects/X/describe/layouts: one layout with all fields."""
    body = layouts.page_layouts(call.sobject(name))
    if record_type:
        if record_type != describe_json.MASTER_RECORD_TYPE:
            raise not_found()
        return json_response(body["layouts"][0])
    return json_response(body)


def compact_layouts(call: ApiCall, name: str) -> Response:
    """GET /sobjects/X/describe/compactLayouts: the system's layout."""
    return json_response(layouts.compact_layouts(call.sobject(name)))


RULES: list[Rule] = [
    ("GET", "", resources),
    ("GET", "/limits", limits),
    ("GET", "/limits/recordCount", record_counts),
    ("GET", "/sobjects", sobjects),
    ("GET", "/sobjects/<name>/describe", describe),
    ("GET", "/sobjects/<name>/describe/layouts", page_layouts),
    ("GET", "/sobjects/<name>/describe/layouts/<record_type>", page_layouts),
    ("GET", "/sobjects/<name>/describe/compactLayouts", compact_layouts),
]
