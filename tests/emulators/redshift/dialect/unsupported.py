"""Functions, statements, objects and operators that Redshift does not support.

The tables follow the lists of unsupported PostgreSQL features in the Redshift
documentation. Rules that depend on the query are in `rules`, types in `types`.
"""

from tests.emulators.redshift.dialect.tokens import (
    OPERATOR,
    STRING,
    WORD,
    Group,
    Node,
    Token,
    has_words_at,
    is_group,
    is_operator,
    is_word,
    iter_node_lists,
    node_at,
    string_value,
)
from tests.emulators.redshift.errors import not_emulated, unsupported

_LISTAGG = "listagg(x, ',') within group (order by y)"
_JSON = "a SUPER column: json_parse(), json_serialize(), column.key"
# Values are alternatives for the error message, empty if there is none.
FUNCTIONS = {
    "string_agg": _LISTAGG,
    "array_agg": _LISTAGG,
    "every": "bool_and()",
    "corr": "",
    "covar_pop": "",
    "covar_samp": "",
    "xmlagg": "",
    "clock_timestamp": "getdate() or sysdate",
    "transaction_timestamp": "sysdate",
    "statement_timestamp": "getdate()",
    "justify_days": "",
    "justify_hours": "",
    "justify_interval": "",
    "pg_sleep": "",
    "width_bucket": "case when ... then ...",
    "div": "trunc(x / y)",
    "setseed": "set seed to",
    "regexp_matches": "regexp_substr()",
    "regexp_split_to_array": "split_part()",
    "regexp_split_to_table": "split_part()",
    "regexp_like": "x ~ 'pattern'",
    "quote_nullable": "quote_literal()",
    "format": "||",
    "overlay": "substring() and ||",
    "encode": "",
    "convert_from": "",
    "convert_to": "",
    "bit_length": "octet_length() * 8",
    "unnest": "a SUPER column in FROM: from t, t.items as item",
    "string_to_array": "split_to_array()",
    "array_to_string": _LISTAGG,
    "array_length": "get_array_length() of a SUPER",
    "array_append": "array_concat() of SUPER",
    "array_position": "",
    "cardinality": "get_array_length() of a SUPER",
    "gen_random_uuid": "md5()",
    "uuid_generate_v4": "md5()",
    "row_to_json": _JSON,
    "to_json": _JSON,
    "json_agg": _JSON,
    "json_build_object": "object()",
    "json_build_array": "array()",
    "json_object_agg": _JSON,
    "json_each": _JSON,
    "json_array_elements": _JSON,
    "make_date": "to_date()",
    "make_interval": "interval '...'",
    "make_timestamp": "to_timestamp()",
    "date_bin": "date_trunc()",
    "nextval": "an identity column",
    "currval": "an identity column",
    "setval": "an identity column",
    "int4range": "",
    "tsrange": "",
    "daterange": "",
    "to_tsvector": "",
    "to_tsquery": "",
}
PREFIXES = {"regr_": "", "jsonb_": _JSON, "xml": "", "pg_advisory_": "lock table"}
JSON_OPERATORS = {"->", "->>", "#>", "#>>", "@>", "<@", "&&", "?"}
OBJECTS = {
    "index": "a sort key",
    "unique": "a sort key",
    "trigger": "",
    "constraint": "",
    "sequence": "an identity column",
    "extension": "",
    "type": "",
    "domain": "",
    "rule": "",
    "aggregate": "",
    "operator": "",
    "cast": "",
    "collation": "",
    "conversion": "",
    "tablespace": "",
    "foreign": "create external schema",
    "server": "",
    "event": "",
    "publication": "",
    "subscription": "",
    "statistics": "analyze",
    "text": "",
    "unlogged": "",
}
STATEMENTS = {
    "listen": "",
    "notify": "",
    "unlisten": "",
    "do": "create procedure and call",
    "reindex": "vacuum reindex",
    "cluster": "vacuum sort only",
    "discard": "",
    "checkpoint": "",
    "savepoint": "",
    "release": "",
    "import": "create external schema",
    "security": "",
    "values": "select ... union all select ...",
    "load": "",
    "table": "select * from",
}


def check(nodes: list[Node]) -> None:
    """Raise RedshiftError for the first unsupported construct in a statement."""
    _check_statement(nodes)
    for items in iter_node_lists(nodes):
        for index, node in enumerate(items):
            if not isinstance(node, Token):
                continue
            if node.kind == OPERATOR:
                if node.text in JSON_OPERATORS:
                    raise unsupported(f"operator {node.text}", _JSON)
            elif node.kind == WORD and not is_operator(node_at(items, index - 1), "."):
                _check_function(items, index, node)
                _check_words(items, index, node)


def _check_statement(nodes: list[Node]) -> None:
    first = node_at(nodes, 0)
    if not isinstance(first, Token):
        return
    if first.key in STATEMENTS:
        raise unsupported(first.key.upper(), STATEMENTS[first.key])
    if has_words_at(nodes, 0, "rollback", "to") or has_words_at(
        nodes, 0, "rollback", "work", "to"
    ):
        raise unsupported("ROLLBACK TO SAVEPOINT")
    if first.key == "create":
        _check_create(nodes)
    if first.key == "with" and any(is_word(node, "merge") for node in nodes):
        raise unsupported("WITH before MERGE", "a temporary table")
    if first.key in ("insert", "update", "delete", "merge"):
        for index, node in enumerate(nodes):
            if is_word(node, "returning") and not is_operator(
                node_at(nodes, index - 1), "."
            ):
                raise unsupported("RETURNING", "a SELECT after it")
            if has_words_at(nodes, index, "on", "conflict"):
                raise unsupported("ON CONFLICT", "MERGE, or DELETE and INSERT")


def _check_create(nodes: list[Node]) -> None:
    index = 3 if has_words_at(nodes, 1, "or", "replace") else 1
    object_type = node_at(nodes, index)
    if isinstance(object_type, Token) and object_type.key in OBJECTS:
        key = object_type.key
        more = " ..." if key in ("unique", "text") else ""
        raise unsupported(f"CREATE {key.upper()}{more}", OBJECTS[key])
    if is_word(object_type, "external"):
        name = node_at(nodes, index + 1)
        kind = name.key.upper() if isinstance(name, Token) else ""
        raise not_emulated(f"CREATE EXTERNAL {kind}")
    if is_word(object_type, "function"):
        for position, node in enumerate(nodes):
            if is_word(node, "language"):
                _check_language(node_at(nodes, position + 1))


def _check_language(node: Node | None) -> None:
    name = node.key if isinstance(node, Token) and node.kind == WORD else ""
    if isinstance(node, Token) and node.kind == STRING:
        name = (string_value(node) or "").lower()
    if name.startswith("plpython"):
        raise unsupported(
            "A new Python UDF (LANGUAGE plpythonu)", "a SQL or a Lambda function"
        )


def _check_function(items: list[Node], index: int, node: Token) -> None:
    following = node_at(items, index + 1)
    if not is_group(following) or is_word(node_at(items, index - 1), "as"):
        return
    if node.key in FUNCTIONS:
        raise unsupported(f"function {node.key}()", FUNCTIONS[node.key])
    for prefix, instead in PREFIXES.items():
        if node.key.startswith(prefix):
            raise unsupported(f"function {node.key}()", instead)


def _check_words(items: list[Node], index: int, node: Token) -> None:
    following = node_at(items, index + 1)
    match node.key:
        case "array" if is_group(following, "["):
            raise unsupported("the array constructor ARRAY[...]", "array(...), a SUPER")
        case "row" if is_group(following) and not is_word(
            node_at(items, index - 1), "as"
        ):
            raise unsupported("the row constructor ROW(...)", "separate columns")
        case "values" if index == 0 and is_group(following):
            raise unsupported(
                "VALUES (...) as a table", "select ... union all select ..."
            )
        case "lateral" if not is_word(node_at(items, index - 1), "as"):
            raise unsupported("LATERAL", "a join, or a SUPER column in FROM")
        case "distinct" if has_words_at(items, index + 1, "on") and is_group(
            node_at(items, index + 2)
        ):
            raise unsupported("DISTINCT ON", "row_number() over (...) = 1")
        case "filter" if isinstance(following, Group) and is_word(
            node_at(following.items, 0), "where"
        ):
            raise unsupported("FILTER (WHERE ...)", "sum(case when ... then ... end)")
        case "distinct" if _is_distinct_from(items, index):
            raise unsupported(
                "IS DISTINCT FROM", "a <> b or (a is null) <> (b is null)"
            )
        case "intersect" | "except" | "minus" if is_word(following, "all"):
            raise unsupported(f"{node.key.upper()} ALL", node.key.upper())
        case "pivot" | "unpivot" if is_group(following) and index > 0:
            raise not_emulated(node.key.upper(), "sum(case when ... then ... end)")
        case "connect" if is_word(following, "by"):
            raise not_emulated("CONNECT BY", "with recursive")
        case "group" if has_words_at(items, index + 1, "by", "all"):
            raise not_emulated("GROUP BY ALL", "the columns")
        case "ignore" | "respect" if is_word(following, "nulls"):
            raise not_emulated(f"{node.key.upper()} NULLS", "a CASE in a subquery")
        case "tablesample":
            raise unsupported("TABLESAMPLE", "where random() < ...")


def _is_distinct_from(items: list[Node], index: int) -> bool:
    before = node_at(items, index - 1)
    if is_word(before, "not"):
        before = node_at(items, index - 2)
    return is_word(before, "is") and is_word(node_at(items, index + 1), "from")
