"""Rewrite statements for settings, users, grants, schemas and maintenance."""

from tests.emulators.redshift import passwords
from tests.emulators.redshift.dialect.tokens import (
    STRING,
    Node,
    Token,
    has_words_at,
    is_operator,
    is_word,
    name_of,
    node_at,
    parse_nodes,
    render,
    string_value,
)
from tests.emulators.redshift.errors import RedshiftError, not_emulated

# Settings that only Redshift has, with their defaults: they have no effect.
SETTINGS = {
    "analyze_threshold_percent": "10",
    "auto_analyze": "on",
    "cast_super_null_on_error": "on",
    "default_identifier_case": "lower",
    "describe_field_name_in_uppercase": "off",
    "downcase_delimited_identifier": "on",
    "enable_case_sensitive_identifier": "off",
    "enable_case_sensitive_super_attribute": "off",
    "enable_numeric_rounding": "on",
    "enable_result_cache_for_session": "on",
    "error_on_nondeterministic_update": "off",
    "json_parse_dedup_attributes": "off",
    "json_serialization_enable": "off",
    "json_serialization_parse_nested_strings": "off",
    "max_cursor_result_set_size": "0",
    "metadata_security": "off",
    "mv_enable_aqmv_for_session": "on",
    "navigate_super_null_on_error": "on",
    "parse_super_null_on_error": "off",
    "query_group": "default",
    "query_group_context": "",
    "spectrum_enable_pseudo_columns": "on",
    "stored_proc_log_min_messages": "log",
    "use_fips_ssl": "off",
    "wlm_query_slot_count": "1",
}
SECRETS = (
    "password",
    "credentials",
    "secret_access_key",
    "access_key_id",
    "session_token",
)
VACUUM_WORDS = ("full", "sort", "delete", "only", "reindex", "recluster")


def rewrite_setting(nodes: list[Node]) -> tuple[str, str | None] | None:
    """Rewrite SET, RESET or SHOW of a setting that only Redshift has.

    Returns the name and the new value (None for SHOW, empty for RESET), or None if it
    is another statement.
    """
    index = 1
    if is_word(node_at(nodes, 0), "set") and is_word(
        node_at(nodes, 1), "session", "local"
    ):
        index = 2
    name = node_at(nodes, index)
    if not isinstance(name, Token) or is_operator(node_at(nodes, index + 1), "."):
        return None
    if name.key == "enable_case_sensitive_identifier":
        value = node_at(nodes, len(nodes) - 1)
        if is_word(node_at(nodes, 0), "set") and not is_word(value, "false", "off"):
            raise not_emulated("enable_case_sensitive_identifier")
    if name.key not in SETTINGS:
        return None
    name.text = f"redshift.{name.key}"
    value_node = node_at(nodes, index + 2)
    if not is_word(nodes[0], "set") or not isinstance(value_node, Token):
        return name.key, "" if is_word(nodes[0], "reset") else None
    value = string_value(value_node)
    if is_word(value_node, "on", "off", "true", "false"):
        value = value_node.key
        value_node.text = f"'{value}'"
    return name.key, value if value is not None else value_node.text


def rewrite_user(nodes: list[Node]) -> list[str]:
    """Rewrite CREATE or ALTER of a USER, GROUP or ROLE.

    Returns the SQL to run afterwards.
    """
    name = render([nodes[2]]).strip() if len(nodes) > 2 else ""
    after: list[str] = []
    index = 3
    while index < len(nodes):
        node = nodes[index]
        if not isinstance(node, Token):
            index += 1
        elif is_word(node, "password") and string_value(node_at(nodes, index + 1)):
            stored = _rewrite_password(nodes, index + 1)
            if stored or is_word(nodes[0], "alter"):
                after.append(_setting(name, "password", stored))
            index += 2
        elif node.key in ("createuser", "nocreateuser"):
            node.text = "superuser" if node.key == "createuser" else "nosuperuser"
            index += 1
        elif has_words_at(nodes, index, "password", "disable"):
            nodes[index + 1] = Token("word", "null", " ")
            index += 2
        elif has_words_at(nodes, index, "syslog", "access") or has_words_at(
            nodes, index, "session", "timeout"
        ):
            del nodes[index : index + 3]
        elif node.key in ("externalid",):
            del nodes[index : index + 2]
        elif has_words_at(nodes, index, "connection", "limit", "unlimited"):
            nodes[index + 2] = parse_nodes(" -1")[0]
            index += 2
        else:
            index += 1
    if has_words_at(nodes, 0, "create", "role"):
        after.append(_setting(name, "identity_type", "role"))
    return after


def _rewrite_password(nodes: list[Node], index: int) -> str:
    """Replace a SHA-256 password by its digest; return what login needs, or ''."""
    password = passwords.read_password(string_value(nodes[index]) or "")
    if password is None:
        return ""
    nodes[index] = Token(STRING, f"'{password.digest}'", " ")
    return password.stored


def _setting(role: str, name: str, value: str) -> str:
    """Return the statement that sets a role's setting, or resets it if it is empty."""
    if not value:
        return f"alter role {role} reset redshift.{name}"
    quoted = value.replace("\\", "\\\\").replace("'", "''")
    return f"alter role {role} set redshift.{name} to '{quoted}'"


def rewrite_grant(nodes: list[Node]) -> None:
    """Remove the word ROLE from GRANT and REVOKE, which PostgreSQL does not accept."""
    index = 0
    while index < len(nodes):
        previous = node_at(nodes, index - 1)
        if is_word(nodes[index], "role") and (
            is_word(previous, "grant", "revoke", "to", "from")
            or is_operator(previous, ",")
        ):
            del nodes[index]
        else:
            index += 1


def rewrite_maintenance(nodes: list[Node]) -> None:
    """Rewrite VACUUM and ANALYZE for PostgreSQL."""
    if is_word(nodes[0], "vacuum"):
        index = 1
        while is_word(node_at(nodes, index), *VACUUM_WORDS):
            index += 1
        del nodes[1:index]
        for position, node in enumerate(nodes):
            if is_word(node, "to", "boost"):
                del nodes[position:]
                return
        return
    if is_word(node_at(nodes, 1), "compression"):
        raise not_emulated("ANALYZE COMPRESSION")
    if is_word(node_at(nodes, len(nodes) - 1), "columns"):
        del nodes[-2:]


def rewrite_schema(nodes: list[Node]) -> None:
    """Remove QUOTA from CREATE SCHEMA and ALTER SCHEMA."""
    for position, node in enumerate(nodes):
        if is_word(node, "quota") and position > 2:
            del nodes[position:]
            return


def rewrite_drop(nodes: list[Node]) -> None:
    """Remove DROP EXTERNAL DATABASE from DROP SCHEMA: there is none to drop."""
    if is_word(node_at(nodes, 1), "schema"):
        for index in range(len(nodes) - 2):
            if has_words_at(nodes, index, "drop", "external", "database"):
                del nodes[index : index + 3]
                return


def rewrite_database(nodes: list[Node]) -> str | None:
    """Remove ISOLATION LEVEL and COLLATE from CREATE or ALTER DATABASE.

    Returns the isolation level, None if the statement names none.
    """
    index, level = 3, None
    while index < len(nodes):
        if has_words_at(nodes, index, "isolation", "level"):
            value = node_at(nodes, index + 2)
            if not is_word(value, "serializable", "snapshot"):
                raise RedshiftError(
                    "ISOLATION LEVEL of a database is SERIALIZABLE or SNAPSHOT", "42601"
                )
            level = name_of(value)
            del nodes[index : index + 3]
        elif is_word(nodes[index], "collate"):
            del nodes[index : index + 2]
        else:
            index += 1
    return level


def sets_password(nodes: list[Node]) -> bool:
    """Whether the statement sets a password."""
    return any(is_word(node, "password") for node in nodes) and is_word(
        node_at(nodes, 0), "create", "alter"
    )


def redact_secrets(nodes: list[Node]) -> str:
    """Return a statement's text with its passwords and keys replaced by `***`."""
    pieces = []
    for position, node in enumerate(nodes):
        before = node_at(nodes, position - 1)
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
