"""Advisories about static file servers, and the tests that replay them.

An identifier stands for a kind of attack. The advisory itself describes the software that was
vulnerable. ``test_advisories`` checks that every advisory is replayed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import TypeVar

F = TypeVar("F", bound=Callable[..., object])

# fmt: off
IDS = (
    # Path traversal.
    "CVE-2009-2659", "CVE-2006-0847", "CVE-2024-23334", "facil.io issue 170", "fapws3 issue 38",
    "CVE-2018-7490", "CVE-2022-35920", "CVE-2014-3744", "CVE-2021-41773", "CVE-2021-42013",
    "CVE-2018-3760", "CVE-2001-0333", "CVE-2000-0884", "CVE-2008-2938", "CVE-2017-14849",
    "CVE-2021-43798", "CVE-2011-1589", "CVE-2008-1145", "CVE-2018-12542", "CVE-2018-13864",
    "CVE-2018-1271", "CVE-2026-54286", "CVE-2026-53779", "JLSEC-2026-612", "GHSA-frvp-7c67-39w9",
    "OSAS issue 16", "CVE-2019-5418", "CVE-2025-30208", "CVE-2025-31486", "CVE-2025-32395",
    "CVE-2018-18778", "CVE-2025-27610", "CVE-2024-38816", "CVE-2024-38819",
    # Sibling directories, NUL bytes, reserved Windows names.
    "CVE-2014-6394", "CVE-2023-29159", "CVE-2026-48049", "CVE-2026-22860", "web2py PR 2598",
    "GHSA-5g97-whc9-8g7j", "CVE-2025-69226", "GHSA-j8g2-6fc7-q8f8", "CVE-2017-1000052",
    "CVE-2013-4547", "CVE-2021-28164", "CVE-2021-34429", "CVE-2019-14322", "WhiteNoise issue 197",
    "CVE-2024-49766", "CVE-2026-48818", "CVE-2025-66221", "CVE-2026-21860", "CVE-2026-27199",
    "CVE-2022-41720", "CVE-2010-2263", "RUSTSEC-2021-0135", "RUSTSEC-2022-0069",
    # Alternative spellings, prefixes, symbolic links, special files.
    "CVE-2014-5269", "web cache deception", "CVE-2026-6414", "CVE-2026-39406", "CVE-2026-34786",
    "CVE-2021-28169", "CVE-2026-34785", "CVE-2018-19052", "nginx alias", "CVE-2013-0262",
    "send issue 297", "ServeStatic issue 4", "GHSA-239w-m3h6-ch8v", "CWE-367: links",
    "Bun PR 36156", "logrotate PR 607", "CWE-67",
    # Redirects, header injection.
    "CVE-2015-1164", "CVE-2017-7234", "CVE-2021-28861", "CPython issue 132826", "CVE-2024-42353",
    "GHSA-fh3h-vg37-cc95", "CVE-2023-28370", "CVE-2020-28724", "CVE-2022-28923", "CVE-2022-29718",
    "CVE-2022-40083", "RUSTSEC-2022-0072", "CVE-2018-3743", "CVE-2019-10775", "CVE-2019-10255",
    "CVE-2020-26215", "cache poisoning", "CVE-2016-9964", "CVE-2012-2374", "send history",
    "Starlette issue 2583",
    # Cross-site scripting, information leaks.
    "CVE-2010-2477", "CVE-2024-43799", "CVE-2024-43800", "CVE-2006-3918", "CVE-2007-6203",
    "CVE-2022-39348", "CVE-2026-22256", "CVE-2026-25500", "CVE-2025-11966", "CVE-2025-11965",
    "CVE-2015-8859", "CVE-2019-5417", "CVE-2001-0925", "cross-site tracing",
    # Ranges, parsers, resource exhaustion.
    "CVE-2011-3192", "CVE-2017-7529", "CVE-2015-1635", "CVE-2024-26141", "CVE-2026-34826",
    "CVE-2022-44570", "CVE-2025-62727", "CVE-2013-3724", "CVE-2020-10735", "CVE-2024-39316",
    "CVE-2024-26146", "CVE-2024-25126", "CVE-2016-10539", "HAProxy 2.4-dev", "CVE-2017-16119",
    "CVE-2017-16138", "CVE-2016-10703", "CVE-2021-41817", "CVE-2025-67726", "Tornado PR 3412",
    "CVE-2022-32149", "Bottle PR 1485", "wsgidav PR 156", "CWE-367: changes", "CVE-2018-14773",
    "CVE-2017-12615", "CVE-2025-24813", "request smuggling",
)
# fmt: on

REPLAYED: defaultdict[str, list[str]] = defaultdict(list)


def replays(*ids: str) -> Callable[[F], F]:
    """Register a test as a replay of these advisories."""

    def register(test: F) -> F:
        for advisory in ids:
            REPLAYED[advisory].append(test.__name__)
        return test

    return register
