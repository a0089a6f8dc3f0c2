"""The org: its objects, records, jobs, sessions, limits and faults, in one place.

What must outlive a restart is in the data folder: records, jobs, sessions, the
request log, the certificates. Limits and faults begin anew.
"""

import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.emulators.salesforce import keys
from tests.emulators.salesforce.bulk.jobs import Jobs
from tests.emulators.salesforce.faults import Fault, Faults
from tests.emulators.salesforce.limits import Limits
from tests.emulators.salesforce.objects import identifiers, standard, values
from tests.emulators.salesforce.objects.record_writer import Author
from tests.emulators.salesforce.objects.schema import Schema, SObject
from tests.emulators.salesforce.objects.schema_file import load
from tests.emulators.salesforce.objects.store import Store
from tests.emulators.salesforce.request_log import RequestLog

OBJECTS = Path(__file__).with_name("objects.yml")
CLIENT_ID = "nightshift"
CLIENT_SECRET = "stand-in-secret"
USERNAME = "nightshift@example.com"
PASSWORD = "stand-in-password"
SECURITY_TOKEN = "stand-in-token"
TOKEN_BYTES = 48
KEY = "jwt.key.pem"


@dataclass(frozen=True)
class Settings:
    """What can be chosen at the start.

    `state_seconds` is how long a job stays in each state; `charset` is put on result
    files if given. JWT assertions are checked with `public_key_file` (a key or a
    certificate), without one with the key pair that is made in the data folder.
    """

    objects: Path = OBJECTS
    access_token: str | None = None
    faults: Sequence[Fault] = ()
    limits_left: Mapping[str, int] = field(default_factory=dict)
    state_seconds: float = 0.0
    page_jobs: int = 1000
    page_records: int = 2000
    shuffles_results: bool = False
    charset: str | None = None
    public_key_file: Path | None = None


class Org:
    """One org; everything below the network."""

    def __init__(self, folder: Path, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.store = Store(folder / "org.sqlite")
        self.schema = Schema([*standard.objects(), *load(self.settings.objects)])
        self.jobs = Jobs(self.store, folder / "jobs")
        self.limits = Limits()
        for name, left in self.settings.limits_left.items():
            self.limits.set(name, left=left)
        self.faults = Faults(self.settings.faults)
        self.log = RequestLog(folder / "requests.jsonl")
        for sobject in self.schema:
            self.store.ensure(sobject)
        standard.fill(self.store, self.schema)
        self._tokens: dict[str, str] = self.store.fact("tokens") or {}
        self.id: str = self.store.fact("organization")
        self.user_id: str = self.store.fact("user")

    def close(self) -> None:
        """Give files back."""
        self.log.close()
        self.store.close()

    @property
    def private_key_file(self) -> Path:
        """The key that signs JWT assertions, made when it is first asked for."""
        path = self.folder / KEY
        keys.ensure(path)
        return path

    def public_key(self) -> bytes:
        """Return the PEM that JWT assertions are checked with."""
        own = self.settings.public_key_file
        return keys.read(own) if own else keys.ensure(self.folder / KEY)

    def author(self) -> Author:
        """Return who writes now."""
        return Author(self.user_id, values.stamp(datetime.now(UTC)))

    def add_object(self, sobject: SObject) -> None:
        """Add an object, or fields to one, while the org runs."""
        self.schema.put(sobject)
        self.store.ensure(sobject)

    def open_session(self, how: str) -> str:
        """Return a new access token; `how` says by which login."""
        # Some clients take for a token only letters, digits, dots and underscores.
        rest = secrets.token_urlsafe(TOKEN_BYTES).replace("-", ".")
        token = f"{self.id[: identifiers.SHORT]}!{rest}"
        self._keep_tokens(self._tokens | {token: how})
        return token

    def is_open(self, token: str) -> bool:
        """Say whether a token is good."""
        given = self.settings.access_token
        if given and hmac.compare_digest(given.encode(), token.encode()):
            return True
        return token in self._tokens

    def end_sessions(self, token: str | None = None) -> None:
        """End every issued session, or only the one of a token."""
        kept = {
            other: how
            for other, how in self._tokens.items()
            if token is not None and other != token
        }
        self._keep_tokens(kept)

    def _keep_tokens(self, tokens: dict[str, str]) -> None:
        self._tokens = tokens
        self.store.set_fact("tokens", tokens)

    def tokens(self) -> tuple[str, ...]:
        """Return the tokens that were issued and have not ended."""
        return tuple(self._tokens)

    def is_sandbox(self) -> bool:
        """Say whether the org calls itself a sandbox."""
        return bool(standard.organization(self.store, self.schema)["IsSandbox"])

    def name(self) -> str:
        """Return the org's name."""
        return str(standard.organization(self.store, self.schema)["Name"])

    def change_organization(self, **changes: Any) -> None:  # noqa: ANN401 - any field's value
        """Change what the org says of itself, such as `IsSandbox`."""
        standard.change_organization(self.store, self.schema, changes)
        self.id = self.store.fact("organization")
