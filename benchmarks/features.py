"""Which features each installed static app has, found by requests to the app.

Each feature is probed in a directory of its own, with an app that is set up for it as its
documentation says. A peer without an option for the feature is built with its defaults.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import os
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
from base64 import b64encode
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from email.utils import parsedate_to_datetime
from functools import cached_property, partial
from hashlib import sha256
from importlib import import_module, resources
from pathlib import Path
from string import ascii_lowercase
from typing import Any, NamedTuple

import brotli
import zstandard
from tqdm import tqdm

from benchmarks.harness import report, wsgi
from benchmarks.harness.peers import INNER_MARK, Peer, installed_peers, versions_of
from benchmarks.harness.timing import apart
from benchmarks.harness.wsgi import Reply, Unable, call, make_environ, need, write_file
from benchmarks.scale import add_files, cost_of, start

TEXT = b"body { color: #123456 }\n" * 200
NAME = "css/app.css"
_SIZE = len(TEXT)
FEATURES: list[Feature] = []
_PAGE = b"<title>page</title>"
_SECRET = b"canary"
_PAST, _FUTURE = "Sat, 01 Jan 2000 00:00:00 GMT", "Thu, 01 Jan 2099 00:00:00 GMT"
_LARGE = 1 << 20  # bytes; more than is kept in memory for other requests
_SETTLED = 0.05  # seconds; a younger file is not cached
_MISSED = (400, 403, 404)
_ZIPPED = gzip.compress(TEXT)
_STORED = {"gzip": _ZIPPED, "br": brotli.compress(TEXT)}
_STORED["zstd"] = zstandard.ZstdCompressor().compress(TEXT)
_PAGE_LOAD = {"accept": "text/html", "sec_fetch_dest": "document", "sec_fetch_mode": "navigate"}
_OF_WHITENOISE: dict[str, dict[str, Any]] = {
    "index": {"index_file": True},
    "immutable": {"immutable_file_test": r"\.[0-9a-f]{8,}\."},
    "headers": {"add_headers_function": lambda headers, *_: headers.add_header("X-Own", "yes")},
}
# By peer, the options that features need; the rows have those of wsgistatic.
_SETUPS: dict[str, dict[str, dict[str, Any]]] = {
    "wsgistatic": {},
    **dict.fromkeys(("whitenoise", "whitenoise-auto", "servestatic"), _OF_WHITENOISE),
    "werkzeug": {"dot-names": {"disallow": ".*"}},
    "webob": {"immutable": {"cache_control": "public, max-age=31536000, immutable"}},
}
_COMMANDS = ("wsgistatic compress", "whitenoise.compress", "servestatic.compress")
_MIDDLEWARES = {
    "wsgistatic": "wsgistatic.django.middleware.StaticFilesMiddleware",
    "whitenoise": "whitenoise.middleware.WhiteNoiseMiddleware",
    "servestatic": "servestatic.middleware.ServeStaticMiddleware",
}


class Partly(Unable):
    """A peer has a part of a feature; the message says what is missing or wrong."""


class Feature(NamedTuple):
    """A row of the table; the cells of one that ``is_measured`` differ from run to run."""

    key: str
    title: str
    method: Callable[..., str | None]
    arguments: tuple[Any, ...]
    options: dict[str, Any]  # of wsgistatic
    is_measured: bool


class Cell(NamedTuple):
    """The result of a probe: "yes", "no", "partly" or a figure, and the reason."""

    verdict: str
    reason: str = ""


def contenders() -> list[Peer]:
    """Return the installed peers whose features are compared, in the order of the table."""
    return [peer for key, peer in installed_peers().items() if key in _SETUPS]


def probe(feature: Feature, peer: Peer) -> Cell:
    """Return whether a peer has a feature."""
    with tempfile.TemporaryDirectory(prefix="wsgistatic-bench-") as root, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # files that a peer leaves to the garbage collector
        try:
            bench = _Bench(peer, feature, Path(root))
            return Cell(feature.method(bench, *feature.arguments) or "yes")
        except Unable as reason:
            return Cell("partly" if isinstance(reason, Partly) else "no", str(reason))
        except Exception as error:
            return Cell("no", f"raises {type(error).__name__}")


def _row(
    title: str, key: str = "", *arguments: Any, is_measured: bool = False, **options: Any
) -> Callable[[Any], Any]:
    """Return a decorator that adds a row, whose probe is a method of _Bench, to FEATURES.

    The key is by default that of the method. The arguments are for the method.
    """

    def register(method: Callable[..., str | None]) -> Callable[..., str | None]:
        name = key or method.__name__.strip("_").replace("_", "-")
        FEATURES.append(Feature(name, title, method, arguments, options, is_measured))
        return method

    return register


def _need_all(checks: Mapping[str, object]) -> None:
    """Raise Unable if none of the checks is true, Partly if only some are."""
    wrong = [name for name, right in checks.items() if not right]
    if wrong:
        verdict = Unable if len(wrong) == len(checks) else Partly
        raise verdict(f"not {', '.join(wrong)}")


class _Bench:
    """A directory that contains a file, an app over it, and a method for each feature.

    A method returns if the app has the feature; a text that it returns is the cell. Otherwise it
    raises Unable or Partly.
    """

    def __init__(self, peer: Peer, feature: Feature, folder: Path) -> None:
        self.peer = peer
        self.options = _SETUPS[peer.key].get(feature.key, {})
        if peer.key == "wsgistatic":
            self.options = feature.options
        self.folder = folder
        self.root = folder / "root"
        self.root.mkdir()
        self.write()

    @cached_property
    def app(self) -> Any:
        """An app that has proved that it sends the file; the first use builds it."""
        self.start()
        return self.app

    def write(self, name: str = NAME, content: bytes = TEXT, age: float = wsgi.AGE) -> Path:
        return write_file(self.root / name, content, age)

    def build(self, *directories: Any) -> None:
        self.app = self.peer.build(*(directories or [str(self.root)]), **self.options)

    def ask(self, name: str = NAME, method: str = "GET", **fields: str) -> Reply:
        """Send a request for a path below the prefix, without codings unless a field says so."""
        fields = {"accept_encoding": "identity", **fields}
        environ = {f"HTTP_{field.upper()}": value for field, value in fields.items()}
        return call(self.app, make_environ(self.peer.prefix + name, method, **environ))

    def start(self) -> None:
        """Build an app, and prove that it sends the file."""
        self.build()
        self.ask().expect(200, body=(self.root / NAME).read_bytes())

    def told(self, method: str, name: str) -> str:
        """Return what a method of the app tells pages about a file."""
        need(hasattr(self.app, method), "has none")
        return str(getattr(self.app, method)(name))

    def tag(self) -> str:
        tag = self.ask().get("ETag")
        need(tag, "sends no ETag")
        return tag

    def store(self, *codings: str) -> Reply:
        """Write codings of the file, build the app, and return a reply with the first."""
        zstd = ".zstd" if self.peer.key == "servestatic" else ".zst"
        suffixes = {"gzip": ".gz", "br": ".br", "zstd": zstd}
        for coding in codings:
            self.write(NAME + suffixes[coding], _STORED[coding], age=3600)
        reply = self.ask(accept_encoding=codings[0])
        need(reply.get("Content-Encoding") == codings[0], "has no such coding")
        return reply.expect(200, body=_STORED[codings[0]])

    # Files that change while the app runs, and its start

    @_row("new file served at the next request", "new", "css/new.css")
    @_row("changed file served at the next request", "changed", NAME)
    def _written(self, name: str) -> None:
        self.start()
        self.write(name, TEXT * 2, age=3600)
        self.ask(name).expect(200, body=TEXT * 2)

    @_row("deleted file gone at the next request")
    def _deleted(self) -> None:
        self.start()
        (self.root / NAME).unlink()
        self.ask().expect(*_MISSED)

    @_row("never mixes two versions of a file")
    def _rewritten(self) -> None:
        size = 8 * 1024 * 1024
        path = self.write("big.bin", b"a" * size)
        body = self.app(make_environ(f"{self.peer.prefix}big.bin"), wsgi.ignore_start)
        try:
            blocks = iter(body)
            got = next(blocks)
            with open(path, "r+b") as file:
                file.write(b"b" * size)
            with suppress(Exception):  # a client notices a connection that ends too early
                got += b"".join(blocks)
        finally:
            if hasattr(body, "close"):
                body.close()
        need(len(got) < size or len(set(got)) == 1, "two versions in one response of full length")

    @_row("ETag differs for same second, same size")
    def _same_second(self) -> None:
        tags = []
        for content, part in ((b"a" * 100, 200_000_000), (b"b" * 100, 700_000_000)):
            moment = 1_700_000_000_000_000_000 + part
            os.utime(self.write(NAME, content), ns=(moment, moment))
            self.build()  # again, as after a deployment
            tags.append(self.tag())
        need(tags[0] != tags[1], "the same ETag for both")

    @_row("ETag from the content (option)", etag="content")
    def _same_content(self) -> None:
        tag = self.tag()
        self.write(age=7200)
        self.build()
        need(self.tag() == tag, "another ETag for the same bytes")

    @_row("start with 10 000 files: time, memory", is_measured=True)
    def _start(self) -> str:
        add_files(str(self.root), 0, 10_000)
        cost = cost_of(start, self.peer, str(self.root))
        return f"{cost['ms']:.1f} ms, {cost['held'] * wsgi.MIB / 1e6:.1f} MB"

    # Validators, preconditions and HEAD (RFC 9110, sections 8.8, 13 and 9.3.2)

    @_row("strong ETag")
    def _etag(self) -> None:
        if self.tag().startswith("W/"):
            raise Partly("a weak one")

    @_row("If-None-Match: tag, list, weak, *")
    def _none_match(self) -> None:
        tag = self.tag()
        weak = f"W/{tag.removeprefix('W/')}"
        values = {"the tag": tag, "a list": f'"x", {tag}', "a weak tag": weak, "*": "*"}
        replies = {name: self.ask(if_none_match=value) for name, value in values.items()}
        _need_all({name: reply.status == 304 and not reply.body for name, reply in replies.items()})

    @_row("If-None-Match wins over the date")
    def _none_match_wins(self) -> None:
        need(self.tag(), "sends no ETag")
        date = self.ask().get("Last-Modified")
        self.ask(if_none_match='"other"', if_modified_since=date).expect(200)

    @_row("If-Match, If-Unmodified-Since: 412")
    def _match(self) -> None:
        self.ask(if_match=self.tag()).expect(200)
        by_tag, by_date = self.ask(if_match='"other"'), self.ask(if_unmodified_since=_PAST)
        statuses = {"412 for another tag": by_tag.status, "412 for a later date": by_date.status}
        _need_all({name: status == 412 for name, status in statuses.items()})

    @_row("If-Modified-Since, three date forms")
    def _modified_since(self) -> None:
        date = self.ask().get("Last-Modified")
        need(date, "sends no Last-Modified")
        moment = parsedate_to_datetime(date)
        asctime = moment.strftime("%a %b ") + f"{moment.day:2} " + moment.strftime("%X %Y")
        rfc850 = moment.strftime("%A, %d-%b-%y %H:%M:%S GMT")
        forms = {"IMF-fixdate": date, "RFC 850": rfc850, "asctime": asctime}
        replies = {name: self.ask(if_modified_since=value) for name, value in forms.items()}
        _need_all({name: reply.status == 304 and not reply.body for name, reply in replies.items()})

    @_row("HEAD: exact length, no body")
    def _head(self) -> None:
        reply = self.ask(method="HEAD").expect(200, length=_SIZE)
        need(reply.get("ETag") == self.ask().get("ETag"), "another ETag than GET")
        if reply.body:
            raise Partly("sends a body that the server must drop")

    @_row("always a Content-Length")
    def _length(self) -> None:
        self.write("empty.css", b"")
        self.write(NAME, b"x" * 300_000)
        self.ask().expect(200, length=300_000)
        self.ask("empty.css").expect(200, body=b"")

    @_row("304 without checking the disk (option)", stat_ttl=3600.0)
    def _frozen(self) -> None:
        time.sleep(_SETTLED)
        tag = self.tag()
        self.root.rename(self.folder / "elsewhere")
        self.ask(if_none_match=tag).expect(304)

    @_row("garbage in header fields raises nothing")
    def _garbage(self) -> None:
        for field, *values in (
            ("if_none_match", '",,\x80W/"'),
            ("if_modified_since", "Fri, 99 Feb 99999 99:99:99 GMT", "\xb2\xb2 now"),
            ("range", "bytes=0-" + "9" * 5000, "bytes=\xb2-\xb3"),
            ("accept_encoding", "gzip;q=;;,=\x80"),
        ):
            replies = [self.ask(**{field: value}) for value in values]
            need(max(one.status for one in replies) < 500, f"an error for {field}")

    # Ranges (RFC 9110, section 14)

    @_row("suffix range (the last bytes)", "suffix", "-100", _SIZE - 100)
    @_row("single range", "range", "100-199", 100)
    def _part(self, value: str, start: int) -> None:
        reply = self.ask(range=f"bytes={value}").expect(206, body=TEXT[start : start + 100])
        where = f"bytes {start}-{start + 99}/{_SIZE}"
        need(reply.get("Content-Range") == where, "wrong Content-Range")

    @_row("Accept-Ranges")
    def _announced(self) -> None:
        need(self.ask().get("Accept-Ranges") == "bytes", "no Accept-Ranges")
        self.ask(range="bytes=0-9").expect(206)

    @_row("several ranges (multipart)")
    def _ranges(self) -> None:
        reply = self.ask(range="bytes=0-99,1000-1099").expect(206)
        contents = [content for _, content in reply.parts()]
        need(contents == [TEXT[:100] + b"\r\n", TEXT[1000:1100] + b"\r\n"], "wrong parts")
        reply.expect(206, length=len(reply.body))

    @_row("never sends the whole file 150 times")
    def _merged(self) -> None:
        reply = self.ask(range="bytes=" + ",".join(["0-"] * 150)).expect(200, 206, 416)
        need(len(reply.body) < 2 * _SIZE, f"{len(reply.body) // _SIZE} times the file")

    @_row("416 with the length")
    def _416(self) -> None:
        reply = self.ask(range=f"bytes={_SIZE}-").expect(416)
        if reply.get("Content-Range") != f"bytes */{_SIZE}":
            raise Partly("without the length in Content-Range")

    @_row("malformed Range gets no part")
    def _malformed(self) -> None:
        # Section 14.2: an unknown unit is ignored, an invalid range may also be refused.
        refused = dict.fromkeys(("bytes=0-9x", "bytes=9-0", "bytes=", "bytes 0-9"), (200, 400, 416))
        allowed = {"lines=0-9": (200,), **refused}
        _need_all({f'"{one}"': self.ask(range=one).status in allowed[one] for one in allowed})

    @_row("If-Range: tag, date")
    def _if_range(self) -> None:
        same = self.ask().get("ETag") or self.ask().get("Last-Modified")
        ask = partial(self.ask, range="bytes=0-9")
        ask(if_range=same).expect(206)
        others = {"another tag": '"other"', "an older date": _PAST, "a later date": _FUTURE}
        statuses = {f"the whole file for {one}": ask(if_range=others[one]).status for one in others}
        _need_all({name: status == 200 for name, status in statuses.items()})

    @_row("HEAD ignores Range")
    def _head_range(self) -> None:
        self.ask(method="HEAD", range="bytes=0-9").expect(200, length=_SIZE)

    # Content codings (RFC 9110, sections 8.4 and 12.5.3)

    @_row("stored Zstandard", "zstd", "zstd")
    @_row("stored Brotli", "br", "br")
    @_row("stored gzip, with Vary", "gzip", "gzip")
    def _stored(self, coding: str) -> None:
        reply = self.store(coding)
        need("accept-encoding" in reply.get("Vary").lower(), "no Vary")
        need(reply.get("Content-Type").startswith("text/css"), "wrong Content-Type")
        self.ask().expect(200, body=TEXT)

    @_row("weights: gzip;q=0, order, *")
    def _q(self) -> None:
        self.store("gzip", "br")
        values = ("gzip;q=0", "br;q=0, gzip", "br;q=0.1, gzip", "*")
        none, other, low, every = (self.ask(accept_encoding=value).body for value in values)
        right = (none == TEXT, other == _ZIPPED, low == _ZIPPED, every != TEXT)
        _need_all(dict(zip(values, right, strict=True)))

    @_row("separate ETag for each coding")
    def _own_etag(self) -> None:
        tag = self.store("gzip").get("ETag")
        need(tag, "sends no ETag")
        need(tag != self.tag(), "the same ETag for both")

    @_row("Vary on 304")
    def _vary(self) -> None:
        tag = self.store("gzip").get("ETag") or "*"
        reply = self.ask(accept_encoding="gzip", if_none_match=tag).expect(304)
        need("accept-encoding" in reply.get("Vary").lower(), "304 without Vary")

    @_row("ranges of a compressed copy")
    def _coded_range(self) -> None:
        self.store("gzip")
        reply = self.ask(accept_encoding="gzip", range="bytes=10-19")
        is_coded = reply.get("Content-Encoding") == "gzip"
        reply.expect(206, body=(_ZIPPED if is_coded else TEXT)[10:20])
        if not is_coded:
            raise Partly("of the file's own bytes")

    @_row("outdated compressed copy is not sent")
    def _stale(self) -> None:
        self.store("gzip")
        self.write(NAME, TEXT * 2, age=60)
        self.build()
        self.ask(accept_encoding="gzip").expect(200, body=TEXT * 2)

    @_row("compression on the fly", compress=True)
    def _compress(self) -> None:
        time.sleep(_SETTLED)
        reply = self.ask(accept_encoding="gzip")
        need(reply.get("Content-Encoding") == "gzip", "sends the file as it is")
        need(gzip.decompress(reply.body) == TEXT, "wrong bytes in the body")

    @_row("dictionaries: only what changed", dictionaries=True)
    def _dictionaries(self) -> None:
        old = TEXT.replace(b"color", b"background", 1)
        history = zstandard.ZstdCompressionDict(old, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
        digest = sha256(old)
        frame = zstandard.ZstdCompressor(dict_data=history).compress(TEXT)
        magic = bytes.fromhex("5e2a4d1820000000")
        delta = magic + digest.digest() + frame + magic + sha256(TEXT).digest()
        self.write(f"{NAME}.{digest.hexdigest()}.dcz", delta, age=3600)
        offer = f":{b64encode(digest.digest()).decode()}:"
        reply = self.ask(accept_encoding="br, dcz", available_dictionary=offer)
        need(reply.get("Content-Encoding") == "dcz", "sends no delta")
        need("Available-Dictionary" in reply.expect(200, body=delta).get("Vary"), "no Vary")

    @_row("command that writes compressed copies")
    def _command(self) -> None:
        names = [one for one in _COMMANDS if one.startswith(self.peer.distribution)]
        need(names, "has none")
        command = [sys.executable, "-m", *names[0].split(), str(self.root)]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        need(gzip.decompress((self.root / f"{NAME}.gz").read_bytes()) == TEXT, "writes no .gz")

    # Files that must not be served, and must not stop the server

    @_row("paths cannot leave the directory")
    def _traversal(self) -> None:
        outside = write_file(self.folder / "secret.txt", _SECRET)
        for path in ("../secret.txt", "css/../../secret.txt", "..\\secret.txt", str(outside)):
            need(_SECRET not in self.ask(path).body, f"sends {path}")

    @_row("symbolic links cannot leave the directory")
    def _links(self) -> None:
        outside = write_file(self.folder / "outside" / "secret.txt", _SECRET)
        (self.root / "link.txt").symlink_to(outside)
        (self.root / "up").symlink_to(outside.parent)
        names = ("link.txt", "up/secret.txt")
        _need_all({name: _SECRET not in self.ask(name).body for name in names})

    @_row("links inside the directory are served")
    def _links_inside(self) -> None:
        (self.root / "link.css").symlink_to(NAME)
        self.ask("link.css").expect(200, body=TEXT)

    @_row(".env and .git/config are not served")
    def _dot_names(self) -> None:
        names = (".env", ".git/config")
        for name in names:
            self.write(name, _SECRET)
        _need_all({name: self.ask(name).status in _MISSED for name in names})

    @_row("a FIFO does not block a request")
    def _pipe(self) -> None:
        pipe = self.root / "pipe"
        os.mkfifo(pipe)
        with ThreadPoolExecutor() as pool:
            future = pool.submit(self.ask, "pipe")
            is_blocked = bool(wait([future], timeout=2.0).not_done)
            if is_blocked:  # a writer that leaves at once releases the reader
                os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
        need(not is_blocked, "waits for a writer")
        future.result().expect(403, 404)

    @_row("odd paths are misses, not errors")
    def _odd_paths(self) -> None:
        for path in ("a\0b", "a\xffb", "x" * 5000):
            self.ask(path).expect(*_MISSED)

    @_row("non-ASCII names")
    def _non_ascii(self) -> None:
        name = "gr\u00fc\u00dfe.css"
        self.write(name)
        self.ask(name.encode().decode("latin-1")).expect(200, body=TEXT)

    @_row("nosniff")
    def _nosniff(self) -> None:
        need(self.ask().get("X-Content-Type-Options") == "nosniff", "not sent")

    # Caching and other fields, directories, whole sites, packaging

    @_row("a miss goes to the wrapped app")
    def _wraps(self) -> None:
        name, value = INNER_MARK
        need(self.ask("none.css").get(name) == value, "answers 404 itself")

    @_row("immutable, by a rule on names", immutable="hashed")
    def _immutable(self) -> None:
        hashed = "css/app.3f2a91b07c4d.css"
        self.write(hashed)
        need("immutable" in self.ask(hashed).get("Cache-Control"), "not sent")
        need("immutable" not in self.ask().get("Cache-Control"), "for every name")

    @_row("fingerprint in the URL, no build step", "fingerprint")
    def _fingerprint(self) -> None:
        time.sleep(_SETTLED)
        reply = self.ask(self.told("url", NAME).removeprefix(self.peer.prefix))
        need("immutable" in reply.expect(200, body=TEXT).get("Cache-Control"), "not immutable")
        former = self.ask("css/app.0123456789ab.css").expect(200, body=TEXT)
        need(former.get("Cache-Control") == "no-cache", "a former name is cached")

    @_row("hash for Subresource Integrity")
    def _integrity(self) -> None:
        need(self.told("integrity", NAME).startswith("sha384-"), "another algorithm")

    @_row("Vite's manifest: immutable names, preload")
    def _vite(self) -> None:
        self.write(".vite/manifest.json", b'{"a.js": {"file": "a-settings.js"}}')
        self.write("a-settings.js")
        need("immutable" in self.ask("a-settings.js").get("Cache-Control"), "not read")
        need("modulepreload" in self.told("preload", "a.js"), "not preloaded")

    @_row("Access-Control-Allow-Origin", allow_origin="*")
    def _cors(self) -> None:
        field = "Access-Control-Allow-Origin"
        need(self.ask().get(field) == "*", "not sent")
        if self.ask(range="bytes=0-9").get(field) != "*":
            raise Partly("not to a Range")

    @_row("custom header fields", headers={"X-Own": "yes"})
    def _headers(self) -> None:
        need(self.ask().get("X-Own") == "yes", "has no option for it")

    @_row("index.html for a directory, with redirect")
    def _index(self) -> None:
        self.write("sub/index.html", _PAGE)
        self.ask("sub/").expect(200, body=_PAGE)
        redirect = self.ask("sub")
        is_right = redirect.get("Location").endswith("sub/")
        if redirect.status not in (301, 302, 307, 308) or not is_right:
            raise Partly("/sub is not redirected to /sub/")

    @_row("directory listings", listing=True)
    def _listing(self) -> None:
        need(b"app.css" in self.ask("css/").expect(200).body, "without the names")

    @_row("single-page apps: fallback for navigations", fallback="index.html")
    def _spa(self) -> None:
        self.write("index.html", _PAGE)
        self.ask("user/7", **_PAGE_LOAD).expect(200, body=_PAGE)
        self.ask("old.1a2b3c4d.css").expect(*_MISSED)

    @_row("custom 404 page", "404", "404.html", "none.css", 404, app=None, not_found="404.html")
    @_row("clean URLs (/about is about.html)", "clean", "about.html", "about", 200, clean_urls=True)
    def _page(self, file: str, path: str, status: int) -> None:
        self.write(file, _PAGE)
        self.ask(path).expect(status, body=_PAGE)

    @_row("several directories at one prefix")
    def _several(self) -> None:
        write_file(self.folder / "theme" / NAME, b"theme")
        self.write("css/only.css")
        self.build(str(self.folder / "theme"), str(self.root))
        self.ask().expect(200, body=b"theme")
        self.ask("css/only.css").expect(200, body=TEXT)

    @_row("X-Accel-Redirect", offload=("X-Accel-Redirect", "/internal/"))
    def _offload(self) -> None:
        self.build()
        reply = self.ask()
        is_named = reply.get("X-Accel-Redirect").endswith(NAME)
        need(is_named and not reply.body, "has no option for it")

    @_row("a package in a zip file")
    def _zipped(self) -> None:
        archive = self.folder / "app.zip"
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("zipped_assets/__init__.py", "")
            file.writestr("zipped_assets/static/css/app.css", TEXT)
        sys.path.insert(0, str(archive))
        try:
            path = str(archive / "zipped_assets" / "static")
            ours = resources.files("zipped_assets") / "static"
            ways = {"wsgistatic": ours, "werkzeug": ("zipped_assets", "static")}
            self.build(ways.get(self.peer.key, path))
            self.ask().expect(200, body=TEXT)
        finally:
            sys.path.remove(str(archive))
            sys.modules.pop("zipped_assets", None)
            sys.path_importer_cache.pop(str(archive), None)

    @_row("a middleware for Django's settings")
    def _django(self) -> None:
        need(self.peer.distribution in _MIDDLEWARES, "wraps the app in wsgi.py")
        reply = apart(_ask_django, _MIDDLEWARES[self.peer.distribution], str(self.root))
        reply.expect(200, body=TEXT)

    @_row("streams files in Django under ASGI")
    def _django_asgi(self) -> None:
        self.write(content=bytes(_LARGE))
        need(self.peer.distribution in _MIDDLEWARES, "has no middleware for Django")
        middleware = _MIDDLEWARES[self.peer.distribution]
        received, is_held = apart(_ask_django_under_asgi, middleware, str(self.root))
        need(received == _LARGE, "wrong number of bytes in the body")
        need(not is_held, "Django reads the whole file first")

    @_row("an ASGI app of its own")
    def _asgi(self) -> None:
        package = import_module(self.peer.distribution.lower())
        names = {"wsgistatic": "StaticFilesASGI", "servestatic": "ServeStaticASGI"}
        make = getattr(package, names.get(self.peer.key, "ASGI"), None)
        if make is None:
            raise Unable("WSGI only")
        app = make(None, str(self.root), self.peer.prefix)
        head, *parts = asyncio.run(_ask_asgi(app, self.peer.prefix + NAME))
        need(head["status"] == 200, f"status {head['status']}")
        need(b"".join(one["body"] for one in parts) == TEXT, "wrong bytes in the body")

    @_row("type hints (py.typed)")
    def _typed(self) -> None:
        package = import_module(self.peer.distribution.lower())
        need(Path(package.__file__ or "").with_name("py.typed").exists(), "no py.typed")


def _django_app(middleware: str, root: str, kind: str) -> Any:
    static = {"MIDDLEWARE": [middleware], "STATIC_ROOT": root, "STATIC_URL": wsgi.PREFIX}
    others = {"ALLOWED_HOSTS": ["*"], "ROOT_URLCONF": (), "SECRET_KEY": "features"}
    import_module("django.conf").settings.configure(**static, **others)
    return getattr(import_module(f"django.core.{kind}"), f"get_{kind}_application")()


def _ask_django(middleware: str, root: str) -> Reply:
    app = _django_app(middleware, root, "wsgi")
    return call(app, make_environ(wsgi.PREFIX + NAME, HTTP_ACCEPT_ENCODING="identity"))


def _ask_django_under_asgi(middleware: str, root: str) -> tuple[int, bool]:
    """Return the size of the body, and whether Django warned that it reads all of it first."""
    app = _django_app(middleware, root, "asgi")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _, *parts = asyncio.run(_ask_asgi(app, wsgi.PREFIX + NAME))
    is_held = any("must consume synchronous iterators" in str(one.message) for one in caught)
    return sum(len(one.get("body", b"")) for one in parts), is_held


async def _ask_asgi(app: Any, path: str) -> list[dict[str, Any]]:
    scope: dict[str, Any] = {"type": "http", "http_version": "1.1", "method": "GET"}
    target = {"path": path, "raw_path": path.encode(), "query_string": b"", "root_path": ""}
    scope |= {**target, "asgi": {"version": "3.0"}, "scheme": "http", "headers": []}
    client = import_module("asgiref.testing").ApplicationCommunicator(app, scope)
    await client.send_input({"type": "http.request"})
    messages = [await client.receive_output()]
    while messages[-1]["type"] == "http.response.start" or messages[-1].get("more_body", False):
        messages.append(await client.receive_output())
    return messages


def main() -> None:
    """Run all probes and print a simple table of reStructuredText."""
    known = {peer.key: peer for peer in contenders()}
    options = report.parse("features", __doc__, "", peers=known)
    peers: list[Peer] = options.peers
    logging.disable()  # what the apps log about the probes
    pairs = [(feature, peer) for feature in FEATURES for peer in peers]
    bar = tqdm(pairs, "features", leave=False, disable=None)
    cells = {(feature.key, peer.key): probe(feature, peer) for feature, peer in bar}
    reasons = dict.fromkeys(cell.reason for cell in cells.values() if cell.verdict == "partly")
    letters = dict(zip(reasons, ascii_lowercase, strict=False))

    def text(feature: Feature, peer: Peer) -> str:
        cell = cells[feature.key, peer.key]
        return cell.verdict + (f" {letters[cell.reason]}" if cell.verdict == "partly" else "")

    titles = [(feature.title, feature) for feature in FEATURES]
    columns = {peer.name.removeprefix("WhiteNoise "): peer for peer in peers}
    _, rows = report.table("", titles, columns, text)
    rows[0][0] = "feature"  # an empty cell would end the row
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = " ".join("=" * width for width in widths)
    head, *lines = (" ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    versions = versions_of(peers)
    print("\n".join([rule, head, rule, *lines, rule, ""]))
    print(", ".join(f"{name} {version}" for name, version in versions.items()) + ".\n")
    print("\n".join(f"{letter}. {reason}" for reason, letter in letters.items()))
    features: dict[str, dict[str, Any]] = {}
    for (row, column), cell in cells.items():
        features.setdefault(row, {})[column] = cell._asdict()
    report.write_json(options, versions, features=features)


if __name__ == "__main__":
    report.run(main)
