"""The labels of usage metrics and of names."""

from functools import cache

from loaders.config.dbt_project import usage_metrics

METRIC = "{metric}"
USAGE = "Usage"
SALESFORCE_SUFFIX = "__c"
SPECIAL_WORDS = {"id": "ID", "p25": "P25", "p75": "P75", "url": "URL"}
SMALL_WORDS = frozenset({"by", "in", "of", "on", "to"})


@cache
def metrics(flag: str = "") -> dict[str, str]:
    """Return the label by name of each usage metric, or of those with a flag."""
    return {
        metric.name: metric.label
        for metric in usage_metrics()
        if not flag or getattr(metric, flag)
    }


def label(name: str) -> str:
    """Return a name as a label; metrics have the label of the project's list."""
    words = name.removesuffix(SALESFORCE_SUFFIX).split("_")
    text = " ".join(_capitalized(word) for word in words)
    return text[:1].upper() + text[1:]


def is_about_a_metric(name: str) -> bool:
    """Return whether a column, such as max_hosts, is derived from a usage metric."""
    words = name.removesuffix(SALESFORCE_SUFFIX).split("_")
    return not metrics().keys().isdisjoint(words)


def _capitalized(word: str) -> str:
    if word in SMALL_WORDS:
        return word
    metric = metrics().get(word, "")
    return metric.title() or SPECIAL_WORDS.get(word) or word.capitalize()
