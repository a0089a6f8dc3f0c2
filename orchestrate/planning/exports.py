"""The exported models and their Salesforce objects, and those that every run sends."""

from dataclasses import dataclass

from loaders.config import salesforce_mapping, settings
from loaders.config.salesforce_mapping import SALESFORCE_MODEL, SALESFORCE_OBJECT


@dataclass(frozen=True)
class Export:
    """An exported model and the Salesforce object that it fills.

    Its mart contains one date only: the one to send.
    """

    model: str
    object: str


TRIAL_METRICS = Export(SALESFORCE_MODEL, SALESFORCE_OBJECT)
ACCOUNTS = Export("sf_accounts", "Account")


def is_exported(model: str) -> bool:
    """Return whether a model is sent to Salesforce."""
    return any(mapping.model == model for mapping in salesforce_mapping.load_all())


def scheduled_exports() -> tuple[Export, ...]:
    """Return the exports that every run sends; accounts only if that is set."""
    if settings.load().salesforce.sync.accounts:
        return TRIAL_METRICS, ACCOUNTS
    return (TRIAL_METRICS,)
