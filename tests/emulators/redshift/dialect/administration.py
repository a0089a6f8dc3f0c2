"""Settings, users, maintenance: statements that PostgreSQL spells in another way."""

from tests.emulators.redshift.dialect.tokens import (
    STRING,
    Node,
    Token,
    at,
    is_operator,
    is_word,
    name_of,
    render,
    string_value,
    tokens_of,
    words_at,
)
from tests.emulators.redshift.errors import refused

# Settings of Redshift's that PostgreSQL does not know; kept, and without effect.
SETTINGS = {
    "query_group", "wlm_query_slot_count", "enable_result_cache_for_session",
    "analyze_threshold_percent", "json_serialization_enable",
    "describe_field_name_in_uppercase", "json_serialization_parse_nested_strings",
    "enable_case_sensitive_super_attribute", "mv_enable_aqmv_for_session",
    "navigate_super_null_on_error", "error_on_nondeterministic_update",
    "cast_super_null_on_error", "parse_super_null_on_error",
    "max_cursor_result_set_size", "default_identifier_case",
    "downcase_delimited_identifier", "stored_proc_log_min_messages",
    "enable_numeric_rounding", "spectrum_enable_pseudo_columns", "use_fips_ssl",
    "auto_analyze", "metadata_security", "query_group_context",
}  # fmt: skip
SECRETS = (
    "password",
    "credentials",
    "secret_access_key",
    "access_key_id",
    "session_token",
)
VACUUM_WORDS = ("full", "sort", "delete", "only", "reindex", "recluster")


def setting(nodes: list[Node]) -> tuple[str, str | None] | None:
    """Rewrite SET, RESET or SHOW of a setting that only Redshift has.

    Returns (name, new value or None), or None when it is not such a statement.
    """
    index = 1
    if is_word(at(nodes, 0), "set") and is_word(at(nodes, 1), "session", "local"):
        index = 2
    name = at(nodes, index)
    if not isinstance(name, Token) or is_operator(at(nodes, index + 1), "."):
        return None
    if name.key == "enable_case_sensitive_identifier":
        value = at(nodes, len(nodes) - 1)
        if is_word(at(nodes, 0), "set") and not is_word(value, "false", "off"):
            raise refused(
                "enable_case_sensitive_identifier is not in this stand-in, and"
            )
    elif name.key not in SETTINGS:
        return None
    name.text = f"redshift.{name.key}"
    value_node = at(nodes, index + 2)
    if not is_word(nodes[0], "set") or not isinstance(value_node, Token):
        return name.key, "" if is_word(nodes[0], "reset") else None
    value = string_value(value_node)
    if is_word(value_node, "on", "off", "true", "false", "default"):
        value = value_node.key
        value_node.text = f"'{value}'"
    return name.key, value if value is not None else value_node.text


def user(nodes: list[Node]) -> list[str]:
    """Rewrite CREATE or ALTER of a USER, GROUP, ROLE; return what runs after it."""
    index = 3
    while index < len(nodes):
        node = nodes[index]
        if not isinstance(node, Token):
            index += 1
        elif node.key in ("createuser", "nocreateuser"):
            node.text = "superuser" if node.key == "createuser" else "nosuperuser"
            index += 1
        elif words_at(nodes, index, "password", "disable"):
            nodes[index + 1] = Token("word", "null", " ")
            index += 2
        elif words_at(nodes, index, "syslog", "access") or words_at(
            nodes, index, "session", "timeout"
        ):
            del nodes[index : index + 3]
        elif node.key in ("externalid",):
            del nodes[index : index + 2]
        elif words_at(nodes, index, "connection", "limit", "unlimited"):
            nodes[index + 2] = tokens_of(" -1")[0]
            index += 2
        else:
            index += 1
    if words_at(nodes, 0, "create", "role"):
        name = render([nodes[2]]).strip()
        return [f"alter role {name} set redshift.identity_type to 'role'"]
    return []


def grant(nodes: list[Node]) -> None:
    """Take the word ROLE out of GRANT and REVOKE: PostgreSQL has no use for it."""
    index = 0
    while index < len(nodes):
        previous = at(nodes, index - 1)
        if is_word(nodes[index], "role") and (
            is_word(previous, "grant", "revoke", "to", "from")
            or is_operator(previous, ",")
        ):
            del nodes[index]
        else:
            index += 1


def maintenance(nodes: list[Node]) -> None:
    """Rewrite VACUUM and ANALYZE for PostgreSQL."""
    if is_word(nodes[0], "vacuum"):
        index = 1
        while is_word(at(nodes, index), *VACUUM_WORDS):
            index += 1
        del nodes[1:index]
        for place, node in enumerate(nodes):
            if is_word(node, "to", "boost"):
                del nodes[place:]
                return
        return
    if is_word(at(nodes, 1), "compression"):
        raise refused("ANALYZE COMPRESSION is not in this stand-in, and so")
    if is_word(at(nodes, len(nodes) - 1), "columns"):
        del nodes[-2:]


def schema(nodes: list[Node]) -> None:
    """Take QUOTA out of CREATE SCHEMA and ALTER SCHEMA."""
    for place, node in enumerate(nodes):
        if is_word(node, "quota") and place > 2:
            del nodes[place:]
            return


def database(nodes: list[Node]) -> None:
    """Leave of CREATE DATABASE what PostgreSQL knows: name, owner, connection limit."""
    index = 3
    while index < len(nodes):
        if is_word(nodes[index], "isolation"):
            del nodes[index : index + 3]
        elif is_word(nodes[index], "collate"):
            del nodes[index : index + 2]
        else:
            index += 1


def materialized_view(nodes: list[Node]) -> None:
    """Take BACKUP, DIST..., SORTKEY, AUTO REFRESH out of CREATE MATERIALIZED VIEW."""
    index = 3
    while index < len(nodes) and not is_word(nodes[index], "as"):
        if is_word(nodes[index], "backup", "diststyle", "distkey", "sortkey"):
            del nodes[index : index + 2]
        elif is_word(nodes[index], "compound", "interleaved"):
            del nodes[index]
        elif words_at(nodes, index, "auto", "refresh"):
            del nodes[index : index + 3]
        else:
            index += 1


def is_password(nodes: list[Node]) -> bool:
    """Whether the statement sets a password."""
    return any(is_word(node, "password") for node in nodes) and is_word(
        at(nodes, 0), "create", "alter"
    )


def redacted(nodes: list[Node]) -> str:
    """Write a statement with its passwords and keys hidden."""
    pieces = []
    for place, node in enumerate(nodes):
        before = at(nodes, place - 1)
        is_secret = (
            isinstance(node, Token)
            and node.kind == STRING
            and name_of(before) in SECRETS
        )
        if is_secret:
            pieces.append(f"{node.space}'***'")
        else:
            pieces.append(render([node]))
    return "".join(pieces)
