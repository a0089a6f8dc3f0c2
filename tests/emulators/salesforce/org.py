"""The emulated org: its objects, records, jobs, sessions, limits and faults.

The data folder keeps records, jobs, sessions, the request log and the certificates
across restarts. Limits and faults are reset at each start.
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
from tests.emulators.salesforce.collection_calls import CollectionCalls
from tests.emulators.salesforce.faults import Fault, Faults
from tests.emulators.salesforce.limits import Limits
from tests.emulators.salesforce.objects import identifiers, standard, text_values
from tests.emulators.salesforce.objects.record_writer import Author
from tests.emulators.salesforce.objects.schema import Schema, SObject
from tests.emulators.salesforce.objects.schema_file import load_objects
from tests.emulators.salesforce.objects.store import Store
from tests.emulators.salesforce.request_log import RequestLog

OBJECTS = Path(__file__).with_name("objects.yml")
CLIENT_ID = "nightshift"
CLIENT_SECRET = "emulator-secret"
USERNAME = "nightshift@example.com"
PASSWORD = "emulator-password"
SECURITY_TOKEN = "emulator-token"
TOKEN_BYTES = 48
PRIVATE_KEY_FILE = "jwt.key.pem"


@dataclass(frozen=True)
class Settings:
    """Options of an org.

    `access_token` is accepted besides the issued tokens. `state_seconds` is how long a
    job stays in each state. `charset` is added to the Content-Type of result files.
    JWT assertions are verified with `public_key_file` (a key or a certificate); without
    one, with the key pair in the data folder.
    """

    objects: Path = OBJECTS
    access_token: str | None = None
    faults: Sequence[Fault] = ()
    limits_remaining: Mapping[str, int] = field(default_factory=dict)
    state_seconds: float = 0.0
    jobs_per_page: int = 1000
    records_per_page: int = 2000
    shuffle_results: bool = False
    charset: str | None = None
    public_key_file: Path | None = None


class Org:
    """One org, without the HTTP layer."""

    def __init__(self, folder: Path, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.store = Store(folder / "org.sqlite")
        self.schema = Schema(
            [*standard.standard_objects(), *load_objects(self.settings.objects)]
        )
        self.jobs = Jobs(self.store, folder / "jobs")
        self.limits = Limits()
        for name, remaining in self.settings.limits_remaining.items():
            self.limits.set(name, remaining=remaining)
        self.faults = Faults(self.settings.faults)
        self.collections = CollectionCalls()
        self.log = RequestLog(folder / "requests.jsonl")
        for sobject in self.schema:
            self.store.ensure_table(sobject)
        standard.create_standard_records(self.store, self.schema)
        self._tokens: dict[str, str] = self.store.get_value("tokens") or {}
        self.id: str = self.store.get_value("organization")
        self.user_id: str = self.store.get_value("user")

    def close(self) -> None:
        """Close the files and the database."""
        self.log.close()
        self.store.close()

    @property
    def private_key_file(self) -> Path:
        """The key that signs JWT assertions; created on first access."""
        path = self.folder / PRIVATE_KEY_FILE
        keys.ensure_private_key(path)
        return path

    def public_key(self) -> bytes:
        """Return the PEM that verifies JWT assertions."""
        path = self.settings.public_key_file
        if path:
            return keys.read_public_key(path)
        return keys.ensure_private_key(self.folder / PRIVATE_KEY_FILE)

    def author(self) -> Author:
        """Return the current user and time, for the audit fields of a record."""
        return Author(self.user_id, text_values.format_timestamp(datetime.now(UTC)))

    def add_object(self, sobject: SObject) -> None:
        """Add an object, or replace one that has new fields, while the org runs."""
        self.schema.put(sobject)
        self.store.ensure_table(sobject)

    def open_session(self, login: str) -> str:
        """Open a session and return its access token; `login` is the login method."""
        # Some clients only recognize tokens of alphanumerics, dots and underscores.
        random_part = secrets.token_urlsafe(TOKEN_BYTES).replace("-", ".")
        token = f"{self.id[: identifiers.SHORT_LENGTH]}!{random_part}"
        self._save_tokens(self._tokens | {token: login})
        return token

    def is_valid_token(self, token: str) -> bool:
        """Return whether a token belongs to an open session."""
        configured = self.settings.access_token
        if configured and hmac.compare_digest(configured.encode(), token.encode()):
            return True
        return token in self._tokens

    def end_sessions(self, token: str | None = None) -> None:
        """End all issued sessions, or only the session of `token`."""
        remaining = {
            other: login
            for other, login in self._tokens.items()
            if token is not None and other != token
        }
        self._save_tokens(remaining)

    def _save_tokens(self, tokens: dict[str, str]) -> None:
        self._tokens = tokens
        self.store.set_value("tokens", tokens)

    def tokens(self) -> tuple[str, ...]:
        """Return the issued tokens whose sessions have not ended."""
        return tuple(self._tokens)

    def is_sandbox(self) -> bool:
        """Return whether the org is a sandbox."""
        return bool(standard.organization_record(self.store, self.schema)["IsSandbox"])

    def name(self) -> str:
        """Return the org's name."""
        return str(standard.organization_record(self.store, self.schema)["Name"])

    def update_organization(self, **changes: Any) -> None:  # noqa: ANN401 - any field's value
        """Change fields of the Organization record, such as `IsSandbox`."""
        standard.update_organization(self.store, self.schema, changes)
        self.id = self.store.get_value("organization")
