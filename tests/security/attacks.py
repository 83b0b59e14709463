"""Published attacks as raw requests, with the statuses that a safe server may answer.

``{p}`` in a target stands for the prefix of the served directory.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.platforms import ON_WINDOWS

MISS = frozenset({400, 403, 404, 414})
FOUND = frozenset({200})


@dataclass(frozen=True)
class Attack:
    ids: tuple[str, ...]
    targets: tuple[str, ...]
    statuses: frozenset[int] = MISS
    fields: dict[str, str] = field(default_factory=dict)
    method: str = "GET"
    body: str = ""


MISS_OR_REDIRECT = frozenset({*MISS, 301})
BIG = "9" * 5000

ATTACKS = (
    # ---- path traversal
    Attack(("CVE-2009-2659", "CVE-2006-0847"), ("{p}/../secret", "{p}/sub/../../secret")),
    Attack(("CVE-2024-23334",), ("{p}/../../../../../../../etc/passwd", "{p}/sub/../../secret")),
    Attack(("facil.io issue 170",), ("../secret", "..", "secret")),
    Attack(("fapws3 issue 38", "CVE-2025-27610"), ("{p}/..%2fsecret", "{p}/sub/..%2F..%2fsecret")),
    Attack(("CVE-2018-7490", "CVE-2011-1589"), ("{p}/..%2f..%2fetc/passwd", "{p}/..%2f%2e%2e%2f")),
    Attack(
        ("CVE-2022-35920", "CVE-2014-3744", "CVE-2024-38816", "CVE-2024-38819"),
        ("{p}/%2e%2e/secret", "{p}/sub/%2e%2e/%2E%2E/secret", "/%2e%2e{p}/../secret"),
    ),
    Attack(("CVE-2021-41773",), ("{p}/sub/.%2e/.%2e/secret", "{p}/.%2e/secret", "{p}/%2e./secret")),
    Attack(
        ("CVE-2021-42013",),
        ("{p}/%%32%65%%32%65/secret", "{p}/.%%32%65/secret", "{p}/%252e%252e/secret"),
    ),
    Attack(
        ("CVE-2018-3760",),
        ("{p}/file:%2f%2f/..%252fsecret", "{p}/file:%2f%2f%2fetc/passwd", "{p}/file:///etc/passwd"),
    ),
    Attack(("CVE-2001-0333",), ("{p}/..%255csecret", "{p}/..%255c..%255csecret")),
    Attack(
        ("CVE-2000-0884",), ("{p}/..%c0%afsecret", "{p}/..%e0%80%afsecret", "{p}/..%c1%9csecret")
    ),
    Attack(("CVE-2008-2938",), ("{p}/%c0%ae%c0%ae/secret", "{p}/%e0%80%ae%e0%80%ae/secret")),
    Attack(("CVE-2017-14849",), ("{p}/../../../nope/../../../../secret", "{p}/nope/../../secret")),
    Attack(("CVE-2021-43798",), ("{p}/sub/../../secret", "{p}/sub/../hello.txt")),
    Attack(
        (
            "CVE-2008-1145",
            "CVE-2018-12542",
            "CVE-2018-13864",
            "CVE-2026-53779",
            "GHSA-frvp-7c67-39w9",
        ),
        ("{p}/..%5csecret", "{p}/..\\secret", "{p}/sub%5c..%5c..%5csecret", "{p}/.GIT/config"),
    ),
    Attack(("CVE-2018-1271",), ("{p}/%255c..%255csecret", "{p}/%5c..%5csecret")),
    Attack(("CVE-2026-54286",), ("{p}/sub%5Cindex.html", "{p}/outdir%5Csecret")),
    Attack(("JLSEC-2026-612",), ("{p}/C:%5cx", "{p}/%5c%5chost%5cx", "{p}/sub%5cindex.html")),
    Attack(
        ("OSAS issue 16",),
        ("{p}//etc/passwd", "{p}/%2fetc/passwd", "{p}/%2fetc%2fpasswd", "//etc/passwd"),
    ),
    Attack(
        ("CVE-2019-5418",), ("{p}/hello.txt",), FOUND, {"Accept": "../../../../../../etc/passwd{{"}
    ),
    Attack(
        ("CVE-2025-30208", "CVE-2025-31486", "CVE-2025-32395"),
        (
            "{p}/x#/../secret",
            "{p}/../secret?raw??",
            "{p}/../secret?.svg?.wasm?init",
            "{p}/@fs/etc/passwd?import&raw??",
            "{p}/.env?.svg",
        ),
    ),
    Attack(("CVE-2018-18778",), ("{p}/../secret", "/etc/passwd"), MISS, {"Host": ""}),
    # ---- sibling directories, NUL bytes
    Attack(
        ("CVE-2014-6394", "GHSA-5g97-whc9-8g7j"),
        ("{p}/../site-secret/secret", "{p}/%2e%2e/site-secret/secret", "{p}-secret/secret"),
    ),
    Attack(("CVE-2023-29159",), ("{p}/../site.txt", "{p}.txt", "{p}/..%2fsite.txt")),
    Attack(("CVE-2026-48049",), ("{p}/..%2fsite-secret/secret", "{p}/..%2fsite-secret%2fsecret")),
    Attack(("CVE-2026-22860",), ("{p}/../site-secret/", "{p}/%2e%2e/site-secret/")),
    Attack(
        ("web2py PR 2598",), ("{p}/x/../../site-secret/secret", "{p}/x/..%2f../site-secret/secret")
    ),
    Attack(("CVE-2025-69226",), ("{p}/../site/hello.txt", "{p}/../nope/hello.txt")),
    Attack(("GHSA-j8g2-6fc7-q8f8",), ("{p}/..%00/", "{p}/..%00/secret", "{p}/sub/..%00/..%00/")),
    Attack(("CVE-2017-1000052",), ("{p}/hello.txt%00.html", "{p}/x.js%00", "{p}/%00hello.txt")),
    Attack(
        ("CVE-2013-4547",), ("{p}/hello.txt%20%00.php", "{p}/hello.txt \x00.php", "{p}/x.js%20")
    ),
    Attack(
        ("CVE-2021-28164", "CVE-2021-34429"),
        (
            "{p}/%u002e/.env",
            "{p}/%2e/.env",
            "{p}/%2e/hello.txt",
            "{p}/.%00/.env",
            "{p}/./hello.txt",
        ),
    ),
    # ---- alternative spellings, prefixes, symbolic links, special files
    Attack(("CVE-2014-5269",), ("{p}/hello.txt/", "{p}/hello.txt//", "{p}/x.js%2f")),
    Attack(("web cache deception",), ("{p}/hello.txt/x.css", "{p}/hello.txt/%2e%2e/x.css")),
    Attack(("CVE-2026-6414",), ("{p}/outdir%2fsecret", "{p}/sub%2f..%2f.env", "{p}%2f.env")),
    Attack(("CVE-2026-39406",), ("{p}/sub//index.html", "{p}/sub//", "{p}/bare//")),
    Attack(("CVE-2021-28169",), ("{p}/%252eenv", "{p}/%2568ello.txt", "{p}/%25%36%38ello.txt")),
    Attack(
        ("CVE-2018-19052", "nginx alias"),
        ("{p}../secret", "{p}../site/hello.txt", "{p}..%2fsecret"),
    ),
    Attack(("CVE-2013-0262",), ("{p}/link",)),
    Attack(("send issue 297", "ServeStatic issue 4"), ("{p}/out.txt", "{p}/absolute")),
    Attack(
        ("GHSA-239w-m3h6-ch8v",),
        ("{p}/outdir/secret", "{p}/outdir/site/hello.txt/x", "{p}/outdir/"),
    ),
    Attack(("Bun PR 36156", "logrotate PR 607"), ("{p}/pipe",)),
    Attack(("CWE-67",), ("{p}/zero",)),
    # ---- redirects, header injection
    Attack(
        (
            "CVE-2015-1164",
            "CVE-2024-42353",
            "CVE-2023-28370",
            "CVE-2022-28923",
            "CVE-2022-29718",
            "RUSTSEC-2022-0072",
            "CVE-2018-3743",
            "CVE-2019-10775",
        ),
        (
            "//evil.example/x",
            "//evil.example/%2e%2e",
            "//evil.example//..",
            "//evil.example/..",
            "//evil.example{p}/sub",
            "//evil.example/%2e%2e{p}/sub",
            "//evil.example/{p}/sub/..",
        ),
    ),
    Attack(
        ("CVE-2017-7234", "CVE-2020-28724"),
        ("//evil.example", "{p}//evil.example", "///evil.example"),
    ),
    Attack(("CVE-2021-28861",), ("//evil.example/..%2f../sub", "//evil.example/..%2f..{p}/sub")),
    Attack(
        ("CPython issue 132826", "CVE-2019-10255", "CVE-2020-26215"),
        ("/\\evil.example/%2e%2e%2f", "/\\evil.example", "{p}/\\evil.example", "/%5cevil.example"),
    ),
    Attack(("CVE-2022-40083",), ("//evil.example%2f..", "{p}/%2fevil.example%2f..")),
    Attack(
        ("GHSA-fh3h-vg37-cc95",), ("/%09/evil.example", "/%0a/evil.example", "{p}/%0d/evil.example")
    ),
    Attack(
        ("cache poisoning",),
        ("{p}/sub",),
        frozenset({301}),
        {
            "Host": "evil.example",
            "X-Forwarded-Host": "evil.example",
            "X-Forwarded-Proto": "http",
            "Forwarded": "host=evil.example",
            "X-Forwarded-Prefix": "//evil.example",
        },
    ),
    Attack(
        ("CVE-2016-9964", "CVE-2012-2374"),
        (
            "{p}/sub?a%0d%0aX-Injected:%201",
            "{p}/a%0d%0aX-Injected:%201",
            "{p}/sub%0d%0aX-Injected:1",
        ),
        MISS_OR_REDIRECT,
    ),
    Attack(("send history",), ("{p}/d%C3%BCr",), frozenset({301})),
    Attack(("Starlette issue 2583",), ("{p}/" + "a" * 300, "{p}/" + "a/" * 3000)),
    # ---- cross-site scripting, information leaks
    Attack(("CVE-2010-2477",), ("{p}/<script>alert(1)</script>", "{p}/%3Cscript%3E")),
    Attack(
        ("CVE-2024-43799", "CVE-2024-43800"),
        ("{p}/%22%3E%3Cscript%3E", '{p}/"><script>'),
        frozenset({404 if ON_WINDOWS else 301}),  # Windows has no such names
    ),
    Attack(
        ("CVE-2006-3918",),
        ("{p}/nope", "{p}/hello.txt"),
        frozenset({200, 404, 417}),
        {"Expect": "<script>"},
    ),
    Attack(
        ("CVE-2007-6203",),
        ("{p}/nope", "{p}/hello.txt"),
        frozenset({400, 404, 405, 501}),
        {},
        "<script>",
    ),
    Attack(("CVE-2022-39348",), ("{p}/nope",), MISS, {"Host": "<script>"}),
    Attack(("CVE-2026-22256", "CVE-2026-25500", "CVE-2025-11966"), ("{p}/bare/",), FOUND),
    Attack(("CVE-2025-11965",), ("{p}/.git/config", "{p}/.git/", "{p}/bare/.htpasswd", "{p}/.git")),
    Attack(("CVE-2015-8859",), ("{p}/nope", "{p}/nope/", "{p}/hello.txt/x")),
    Attack(("CVE-2019-5417",), ("{p}/%2eenv", "{p}/%2Eenv", "{p}/.env")),
    Attack(("CVE-2001-0925",), ("{p}/bare" + "/" * 5000, "{p}/bare//.//")),
    Attack(
        ("cross-site tracing",),
        ("{p}/hello.txt", "{p}/"),
        frozenset({400, 404, 405, 501}),
        {"Cookie": "session=echoed"},
        "TRACE",
    ),
    # ---- ranges, parsers, resource exhaustion
    Attack(
        ("CVE-2011-3192",),
        ("{p}/digits.bin",),
        frozenset({200, 206, 416}),
        {"Range": "bytes=0-," + ",".join(f"5-{n}" for n in range(1300))},
    ),
    Attack(
        ("CVE-2017-7529",),
        ("{p}/digits.bin",),
        frozenset({200, 206, 416}),
        {"Range": "bytes=-1100,-9223372036854774808"},
    ),
    Attack(
        ("CVE-2015-1635",),
        ("{p}/digits.bin",),
        frozenset({200, 206}),
        {"Range": "bytes=0-18446744073709551615"},
    ),
    Attack(
        ("CVE-2024-26141",),
        ("{p}/digits.bin",),
        frozenset({200, 206}),
        {"Range": "bytes=" + "0-," * 150},
    ),
    Attack(
        ("CVE-2026-34826",),
        ("{p}/digits.bin",),
        frozenset({200, 206}),
        {"Range": "bytes=" + ",".join(["0-0", "2-2"] * 5000)},
    ),
    Attack(("CVE-2013-3724",), ("{p}/digits.bin",), FOUND, {"Range": "bytes=x"}),
    Attack(("CVE-2020-10735",), ("{p}/digits.bin",), frozenset({416}), {"Range": f"bytes={BIG}-"}),
    Attack(("HAProxy 2.4-dev",), ("{p}/digits.bin",), FOUND, {"Accept-Encoding": "," * 16}),
    Attack(("Tornado PR 3412",), ("{p}/hello.txt",), FOUND, {"If-Modified-Since": "0"}),
    Attack(
        ("CVE-2018-14773",),
        ("{p}/hello.txt",),
        FOUND,
        {"X-Original-URL": "/.env", "X-Rewrite-URL": "/../secret", "X-HTTP-Method-Override": "PUT"},
    ),
    Attack(
        ("CVE-2017-12615", "CVE-2025-24813"),
        ("{p}/x.js", "{p}/new.jsp", "{p}/new.jsp/"),
        frozenset({400, 404, 405}),
        {"Content-Range": "bytes 0-4/5"},
        "PUT",
        "shell",
    ),
)
