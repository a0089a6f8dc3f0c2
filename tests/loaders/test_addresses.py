"""Mail addresses are validated, and converted to what a mail server takes."""

import pytest

from loaders.config.addresses import parse_address


@pytest.mark.parametrize(
    ("text", "addr_spec", "needs_smtputf8"),
    [
        ("a@b.example", "a@b.example", False),
        ("  a@b.example ", "a@b.example", False),
        ("a@b.example\n", "a@b.example", False),
        ("ju\u0308rgen@b.example", "jürgen@b.example", True),
        ("Sales <a@b.example>", "a@b.example", False),
        ('"Smith, J" <a@b.example>', "a@b.example", False),
        ("Jürgen <j@b.example>", "j@b.example", False),
        ("=?utf-8?q?J=C3=BCrgen?= <j@b.example>", "j@b.example", False),
        ("a+b.c_d@b.example", "a+b.c_d@b.example", False),
        ('"john smith"@b.example', '"john smith"@b.example', False),
        ('"a\\"b"@b.example', '"a\\"b"@b.example', False),
        ("o'neil@b.example", "o'neil@b.example", False),
        ("root@localhost", "root@localhost", False),
        ("a@[192.0.2.1]", "a@[192.0.2.1]", False),
        ("a@[IPv6:2001:db8::1]", "a@[IPv6:2001:db8::1]", False),
        ("A@B.Example", "A@b.example", False),
        ("a@bücher.example", "a@xn--bcher-kva.example", False),
        ("a@straße.example", "a@xn--strae-oqa.example", False),
        ("a@例子.example", "a@xn--fsqu00a.example", False),
        ("a@xn--bcher-kva.example", "a@xn--bcher-kva.example", False),
        ("jürgen@b.example", "jürgen@b.example", True),
        ("用户@例子.example", "用户@xn--fsqu00a.example", True),
        ("JÜRGEN <jürgen@b.example>", "jürgen@b.example", True),
    ],
)
def test_valid_address(text: str, addr_spec: str, needs_smtputf8: bool) -> None:
    address = parse_address(text)
    assert address.addr_spec == addr_spec
    assert address.needs_smtputf8 == needs_smtputf8


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "nobody", "@b.example", "a@", "a@b@c.example", "a b@c.example"),
        *("a@b.example, c@d.example", "group: a@b.example;", "undisclosed:;"),
        *("a..b@c.example", ".a@c.example", "a@c..example", "a@-c.example"),
        *("a@c.example.", "a@my_host.example", "a@[300.1.1.1]", "<a@b.example"),
        *("a@b.example\nBcc: evil@example.com", "a@b.example\r\nX: y", "a\x00@b.c"),
        *("=?utf-8?q?A=0ABcc:_x?= <a@b.example>", "a@b.example\x1b[31m", "a\udcff@b.c"),
        *("x" * 65 + "@b.example", "a@" + "x." * 130 + "example", "a@" + "x" * 64),
        *("a@b.example> RCPT TO:<c@d.example", "<@x:a@b.example>", "a@b.example;"),
    ],
)
def test_malformed_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"address|character"):
        parse_address(text)
