"""Paths of the files that dbt writes: manifest, compiled SQL and logs."""

from loaders.config.settings import PROJECT

TARGET_FOLDER = PROJECT / "var" / "dbt"
MANIFEST = TARGET_FOLDER / "manifest.json"
PARSED_PROJECT = TARGET_FOLDER / "partial_parse.msgpack"
LOG_FILE = TARGET_FOLDER / "logs" / "dbt.log"
