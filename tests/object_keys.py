"""Keys of objects with every kind of character that S3 allows."""

# What may follow the partition's prefix in the key of an object.
NAMES = [
    *("a#b.json", "a?b.json", "a?b=c&d#e.json", "a%b.json", "a%2Fb.json", "a%20b"),
    *(
        "a+b.json",
        "a b.json",
        " leading",
        "trailing ",
        "a\tb",
        "a\rb",
        "a\nb",
        "a\r\nb",
    ),
    *("'a'", '"a"', "a//b", "/a", "a\\b", "x&y<z>", "&amp;", "a;b,c:d=e@f$g!h~i*j(k)"),
    *(
        "a|b^c`d{e}[f]",
        "ünï/日本.json",
        "e\u0301",
        "emoji😀",
        "\u00a0a\u2028",
        "a\ufeff",
    ),
    *("a\x01b", "a\x1fb", "a\x7fb", "+", " ", "%", "?", "#", "*", "a_b/c.d", "a.gz/b"),
    *("dt=2026-11-25/a", "x" * 900),
]
