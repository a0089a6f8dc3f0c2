"""What Redshift refuses wherever it stands: words, functions and operators.

Each rule is a fact of the list of PostgreSQL features that Redshift does not have. What
depends on the query around it is in `rules`; types are in `types`.
"""

from tests.emulators.redshift.dialect.tokens import (
    OPERATOR,
    STRING,
    WORD,
    Group,
    Node,
    Token,
    at,
    groups_within,
    is_group,
    is_operator,
    is_word,
    string_value,
    words_at,
)
from tests.emulators.redshift.errors import refused

_LISTAGG = "listagg(x, ',') within group (order by y)"
_JSON = "a SUPER column: json_parse(), json_serialize(), column.key"
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
    """Raise the error for the first thing in the statement that Redshift refuses."""
    _check_statement(nodes)
    for items in groups_within(nodes):
        for index, node in enumerate(items):
            if not isinstance(node, Token):
                continue
            if node.kind == OPERATOR:
                if node.text in JSON_OPERATORS:
                    raise refused(f"operator {node.text} is", _JSON)
            elif node.kind == WORD and not is_operator(at(items, index - 1), "."):
                _check_function(items, index, node)
                _check_words(items, index, node)


def _check_statement(nodes: list[Node]) -> None:
    first = at(nodes, 0)
    if not isinstance(first, Token):
        return
    if first.key in STATEMENTS:
        raise refused(f"{first.key.upper()} is", STATEMENTS[first.key])
    if words_at(nodes, 0, "rollback", "to") or words_at(
        nodes, 0, "rollback", "work", "to"
    ):
        raise refused("ROLLBACK TO SAVEPOINT is")
    if first.key == "create":
        _check_create(nodes)
    if first.key in ("insert", "update", "delete", "merge"):
        for index, node in enumerate(nodes):
            if is_word(node, "returning") and not is_operator(
                at(nodes, index - 1), "."
            ):
                raise refused("RETURNING is", "a SELECT after it")
            if words_at(nodes, index, "on", "conflict"):
                raise refused("ON CONFLICT is", "MERGE, or DELETE and INSERT")


def _check_create(nodes: list[Node]) -> None:
    index = 3 if words_at(nodes, 1, "or", "replace") else 1
    what = at(nodes, index)
    if isinstance(what, Token) and what.key in OBJECTS:
        if what.key == "foreign" or what.key not in ("unique", "text"):
            raise refused(f"CREATE {what.key.upper()} is", OBJECTS[what.key])
        raise refused(f"CREATE {what.key.upper()} ... is", OBJECTS[what.key])
    if is_word(what, "external"):
        name = at(nodes, index + 1)
        kind = name.key.upper() if isinstance(name, Token) else ""
        raise refused(f"CREATE EXTERNAL {kind} is not in this stand-in, and so")
    if is_word(what, "function"):
        for place, node in enumerate(nodes):
            if is_word(node, "language"):
                _check_language(at(nodes, place + 1))


def _check_language(node: Node | None) -> None:
    name = node.key if isinstance(node, Token) and node.kind == WORD else ""
    if isinstance(node, Token) and node.kind == STRING:
        name = (string_value(node) or "").lower()
    if name.startswith("plpython"):
        raise refused(
            "A new Python UDF (LANGUAGE plpythonu) is", "a SQL or a Lambda function"
        )


def _check_function(items: list[Node], index: int, node: Token) -> None:
    following = at(items, index + 1)
    if not is_group(following) or is_word(at(items, index - 1), "as"):
        return
    if node.key in FUNCTIONS:
        raise refused(f"function {node.key}() is", FUNCTIONS[node.key])
    for prefix, instead in PREFIXES.items():
        if node.key.startswith(prefix):
            raise refused(f"function {node.key}() is", instead)


def _check_words(items: list[Node], index: int, node: Token) -> None:
    following = at(items, index + 1)
    match node.key:
        case "array" if is_group(following, "["):
            raise refused("the array constructor ARRAY[...] is", "array(...), a SUPER")
        case "row" if is_group(following) and not is_word(at(items, index - 1), "as"):
            raise refused("the row constructor ROW(...) is", "separate columns")
        case "values" if index == 0 and is_group(following):
            raise refused(
                "VALUES (...) as a table is", "select ... union all select ..."
            )
        case "lateral" if not is_word(at(items, index - 1), "as"):
            raise refused("LATERAL is", "a join, or a SUPER column in FROM")
        case "distinct" if words_at(items, index + 1, "on") and is_group(
            at(items, index + 2)
        ):
            raise refused("DISTINCT ON is", "row_number() over (...) = 1")
        case "filter" if isinstance(following, Group) and is_word(
            at(following.items, 0), "where"
        ):
            raise refused("FILTER (WHERE ...) is", "sum(case when ... then ... end)")
        case "distinct" if _is_distinct_from(items, index):
            raise refused("IS DISTINCT FROM is", "a <> b or (a is null) <> (b is null)")
        case "tablesample":
            raise refused("TABLESAMPLE is", "where random() < ...")


def _is_distinct_from(items: list[Node], index: int) -> bool:
    before = at(items, index - 1)
    if is_word(before, "not"):
        before = at(items, index - 2)
    return is_word(before, "is") and is_word(at(items, index + 1), "from")
