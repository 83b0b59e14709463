"""Media types by file name, from a table of our own, so that every host gives the same answer.

The longest known extension counts: ``.tar.gz`` takes precedence over ``.gz``. A compressed file has
the type of its compressed format, because the client requested the file as it is stored. Types that
are declared with a content coding, such as that of ``.svgz``, are those of the decoded content.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from wsgistatic.http.codings import CODINGS
from wsgistatic.http.fields import TOKEN

# A media type, or a pair of the type of the content and the coding that files are stored in.
MediaType = str | tuple[str, str]

UNKNOWN = "application/octet-stream"

# 8.3.1: media-type = type "/" subtype parameters
_MEDIA_TYPE = re.compile(
    rf"{TOKEN}/{TOKEN}(?:[ \t]*;[ \t]*{TOKEN}=(?:{TOKEN}|\"[\x20\x21\x23-\x5b\x5d-\x7e]*\"))*"
)


class FileType(NamedTuple):
    """How the bytes of a file are declared."""

    content_type: str
    coding: str | None  # content coding that it is stored in


class MediaTypes:
    """Finds the Content-Type of a file by its name, or by its path.

    The overrides are by extension (``".tar.foo"``) or full file name (``"CNAME"``), in any case. A
    value is a media type, or a pair of that and a content coding: ``("text/javascript", "gzip")``
    for ``".js.gz"``.
    """

    def __init__(
        self, overrides: Mapping[str, MediaType] | None = None, charset: str | None = "utf-8"
    ) -> None:
        if charset is not None and not (isinstance(charset, str) and re.fullmatch(TOKEN, charset)):
            raise ValueError(f"charset must be a name such as 'utf-8', or None, not {charset!r}")
        self._parameter = f"; charset={charset}" if charset else ""
        self._overrides = _checked(overrides)
        self._known: dict[MediaType | None, FileType] = {}  # by what the tables have

    def content_type(self, name: str) -> str:
        """Return the Content-Type for a file name or path."""
        return self.find(name).content_type

    def find(self, name: str) -> FileType:
        """Return the Content-Type and the content coding for a file name or path."""
        found = self._find(name)
        known = self._known.get(found)
        if known is None:
            known = self._known[found] = self._declare(found or UNKNOWN)
        return known

    def _declare(self, found: MediaType) -> FileType:
        media_type, coding = found if isinstance(found, tuple) else (found, None)
        if media_type.startswith("text/") and "charset=" not in media_type.lower():
            media_type += self._parameter
        return FileType(media_type, coding)

    def coding(self, name: str) -> str | None:
        """Return the content coding that files of this name are stored in, or None."""
        return self.find(name).coding

    def knows(self, name: str) -> bool:
        """Return whether a file name has a known media type."""
        return self._find(name) is not None

    def _find(self, path: str) -> MediaType | None:
        path = path.lower().replace("\\", "/")
        name = path.rpartition("/")[2]
        found = _look_up(name, self._overrides) if self._overrides else None
        if found is None and ".well-known/" in path:
            found = _WELL_KNOWN.get(path.rpartition(".well-known/")[2])
        return found or _look_up(name, _TYPES)


def _checked(overrides: Mapping[str, MediaType] | None) -> dict[str, MediaType]:
    if overrides is None:
        return {}
    if not isinstance(overrides, Mapping):
        raise TypeError(f"media_types must map names to media types, not be {overrides!r}")
    checked: dict[str, MediaType] = {}
    for key, value in overrides.items():
        if not isinstance(key, str) or not key or "/" in key:
            raise ValueError(
                f"media_types has the key {key!r}, which is neither an extension such as '.foo' "
                "nor a file name"
            )
        if f".{key.lower()}" in _TYPES:
            raise ValueError(
                f"media_types has the key {key!r}, which is an extension without its dot; write "
                f"{'.' + key!r}"
            )
        pair = (value, None) if isinstance(value, str) else value
        if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not _is_media_type(pair[0]):
            raise ValueError(
                f"media_types has the value {value!r} for {key!r}, which is not a media type such "
                "as 'text/plain', or a pair of a media type and a content coding"
            )
        media_type, coding = pair
        if coding is not None and coding not in tuple(CODINGS):
            raise ValueError(
                f"media_types has the content coding {coding!r} for {key!r}, which is not one of "
                f"{', '.join(map(repr, CODINGS))}"
            )
        checked[key.lower()] = media_type if coding is None else (media_type, coding)
    return checked


def _is_media_type(value: object) -> bool:
    return isinstance(value, str) and _MEDIA_TYPE.fullmatch(value) is not None


def _look_up(name: str, types: Mapping[str, MediaType]) -> MediaType | None:
    """Return the type of a lower-case file name, by the full name or the longest extension."""
    found = types.get(name)
    dot = name.find(".")
    while found is None and dot >= 0:
        found = types.get(name[dot:])
        dot = name.find(".", dot + 1)
    return found


def is_compressible(content_type: str) -> bool:
    """Return whether bytes of this Content-Type are worth compressing."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type.startswith("text/") or media_type.endswith(("+json", "+xml", "/json", "/xml")):
        return True
    is_known = media_type in _TABLE or media_type == "application/javascript"
    return is_known and media_type != UNKNOWN and _MARKS.get(media_type) not in _REASONS


def why_not_compressed(name: str) -> str | None:
    """Return why a file of this name does not get sidecars, or None if it should."""
    media_type = _look_up(name.lower(), _TYPES) or UNKNOWN
    mark = "compressed" if isinstance(media_type, tuple) else _MARKS.get(media_type, "")
    return _REASONS.get(mark)


_REASONS = {"compressed": "already compressed", "ranges": "read in ranges"}

# The extensions of each media type are followed by at most one mark:
#
# compressed  The format is compressed, like nearly all images, audio and video. Players and PDF
#             readers also request ranges of these files.
# ranges      Files are large, and clients read pieces of them by ranges, which a coding would
#             prevent.

# Types whose only extension is their subtype, without a prefix or a suffix, by mark.
_NAMED_BY_EXTENSION = {
    "": "text/css text/csv text/vtt text/n3 text/mdx text/wgsl text/sgml text/x-opml "
    "application/cbor application/msgpack application/rtf application/mbox application/ttml+xml "
    "application/wsdl+xml application/xspf+xml application/xaml+xml application/warc "
    "application/wasm application/json5 application/toml application/trig application/atom+xml "
    "application/rss+xml application/mathml+xml application/gpx+xml application/gml+xml "
    "application/x-tar application/vnd.las image/bmp image/svg+xml font/ttf font/otf model/stl "
    "model/obj model/mtl model/gltf+json",
    "compressed": "application/pdf image/png image/apng image/gif image/webp image/avif image/jxl "
    "image/heic image/heif image/jp2 image/ktx2 audio/aac audio/flac audio/wav video/webm "
    "audio/amr audio/x-caf video/x-flv video/x-f4v video/mj2 image/jxs image/jxr image/ktx "
    "font/woff2 font/woff model/3mf application/x-msi application/x-rpm application/x-lzma "
    "application/x-lz4 application/vnd.rar application/epub+zip model/vnd.usdz+zip",
}
_TABLE = {
    media_type: re.sub(r"[a-z]+/(?:x-|vnd\.)?([^+]+).*", rf".\1 {mark}", media_type)
    for mark, types in _NAMED_BY_EXTENSION.items()
    for media_type in types.split()
} | {
    # text
    "text/html": ".html .htm",
    "text/javascript": ".js .mjs .cjs",  # RFC 9239; browsers refuse modules of any other type
    "text/plain": ".txt .text .log .ini .conf .cfg .diff .patch .po .pot .lock .srt .rst .sh .bat "
    ".py .pyi .rb .go .rs .c .h .cc .cpp .hpp .java .kt .swift .lua .pl .sql .scss .sass .less "
    ".d.ts .tsx .jsx .vue .svelte .glsl .tex",
    "text/tab-separated-values": ".tsv",
    "text/markdown": ".md .markdown",
    "text/calendar": ".ics .ifb",
    "text/vcard": ".vcf .vcard",
    "text/vnd.graphviz": ".gv .dot",
    "text/turtle": ".ttl",
    "text/cache-manifest": ".appcache",
    # structured text
    "application/json": ".json .map .importmap .webapp .topojson .har .ipynb",
    "application/jsonl": ".jsonl .ndjson",
    "application/ld+json": ".jsonld",
    "application/geo+json": ".geojson",
    "application/geo+json-seq": ".geojsonl .geojsons",
    "application/manifest+json": ".webmanifest",
    "application/schema+json": ".schema.json",
    "application/yaml": ".yaml .yml",
    "application/xliff+xml": ".xlf .xliff",
    "application/xml": ".xml .xsd .dtd .rng .sch .xul",
    "application/xslt+xml": ".xsl .xslt",
    "application/xhtml+xml": ".xhtml .xht",
    "application/rdf+xml": ".rdf .owl",
    "application/vnd.google-earth.kml+xml": ".kml",
    "application/vnd.google-earth.kmz": ".kmz compressed",
    "application/opensearchdescription+xml": ".osdx",
    "application/n-triples": ".nt",
    "application/n-quads": ".nq",
    "application/graphql": ".graphql .gql",
    "application/x-bibtex": ".bib",
    "application/x-ns-proxy-autoconfig": ".pac",
    "message/rfc822": ".eml .mht .mhtml",
    # programs
    "application/java-archive": ".jar .war .ear compressed",
    "application/vnd.android.package-archive": ".apk compressed",
    "application/vnd.microsoft.portable-executable": ".exe .dll",
    "application/x-apple-diskimage": ".dmg compressed",
    "application/vnd.debian.binary-package": ".deb .udeb compressed",
    "application/x-iso9660-image": ".iso ranges",
    "application/x-xpinstall": ".xpi compressed",
    "application/x-chrome-extension": ".crx compressed",
    "application/x-shockwave-flash": ".swf compressed",
    "application/octet-stream": ".bin",  # listed, so that a missing one gets no fallback page
    # archives; .whl and its like are zip files with another extension
    "application/zip": ".zip .whl .egg .nupkg .vsix .cbz .npz compressed",
    "application/gzip": ".gz .tgz .tar.gz .warc.gz compressed",
    "application/x-bzip2": ".bz2 .tbz2 .tar.bz2 compressed",
    "application/x-xz": ".xz .txz .tar.xz compressed",
    "application/zstd": ".zst .tzst .tar.zst compressed",
    "application/x-brotli": ".br compressed",
    "application/x-7z-compressed": ".7z compressed",
    "application/vnd.ms-cab-compressed": ".cab compressed",
    "application/zip+dotlottie": ".lottie compressed",
    "application/x-zsync": ".zsync compressed",  # hashes, which do not compress
    "application/x-bittorrent": ".torrent compressed",  # hashes too
    # documents
    "application/postscript": ".ps .eps .ai",
    "application/x-mobipocket-ebook": ".mobi compressed",
    "application/vnd.amazon.ebook": ".azw compressed",
    "application/msword": ".doc",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.ms-powerpoint": ".ppt",
    "application/vnd.ms-word.document.macroenabled.12": ".docm compressed",
    "application/vnd.ms-excel.sheet.macroenabled.12": ".xlsm compressed",
    "application/vnd.ms-powerpoint.presentation.macroenabled.12": ".pptm compressed",
    "application/vnd.openxmlformats-officedocument.presentationml.slideshow": ".ppsx compressed",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx compressed",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx compressed",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx compressed",
    "application/vnd.oasis.opendocument.text": ".odt compressed",
    "application/vnd.oasis.opendocument.spreadsheet": ".ods compressed",
    "application/vnd.oasis.opendocument.presentation": ".odp compressed",
    "application/vnd.oasis.opendocument.graphics": ".odg compressed",
    # columnar data, databases, map tiles, arrays
    "application/vnd.apache.parquet": ".parquet .geoparquet ranges",
    "application/vnd.apache.arrow.file": ".arrow .feather ranges",
    "application/vnd.apache.arrow.stream": ".arrows",
    "application/vnd.sqlite3": ".sqlite .sqlite3 .gpkg .mbtiles ranges",
    "application/vnd.pmtiles": ".pmtiles ranges",
    "application/vnd.mapbox-vector-tile": ".mvt .pbf",
    "application/vnd.flatgeobuf": ".fgb ranges",
    "application/vnd.laszip": ".laz compressed",
    "application/x-hdf5": ".h5 .hdf5 ranges",
    "application/x-netcdf": ".nc ranges",
    # images
    "image/jpeg": ".jpg .jpeg .jpe .jfif compressed",
    "image/x-icon": ".ico .cur",
    "image/tiff": ".tif .tiff compressed",
    "image/vnd.adobe.photoshop": ".psd compressed",
    "image/x-adobe-dng": ".dng compressed",
    "image/aces": ".exr compressed",
    "image/vnd.ms-dds": ".dds compressed",
    "image/jpx": ".jpx .jpf compressed",
    "image/heic-sequence": ".heics compressed",
    "image/heif-sequence": ".heifs compressed",
    "image/vnd.djvu": ".djvu .djv compressed",
    # audio and video
    "audio/mpeg": ".mp3 .mp2 .mpga compressed",
    "audio/mp4": ".m4a .m4b .mp4a compressed",
    "audio/x-matroska": ".mka compressed",
    "audio/x-ms-wma": ".wma compressed",
    "audio/basic": ".au .snd compressed",
    "audio/ogg": ".ogg .oga .opus .spx compressed",
    "audio/webm": ".weba compressed",
    "audio/midi": ".mid .midi",
    "audio/aiff": ".aif .aiff compressed",
    "video/mp4": ".mp4 .m4v .mp4v compressed",
    "video/ogg": ".ogv compressed",
    "video/quicktime": ".mov .qt compressed",
    "video/x-matroska": ".mkv compressed",
    "video/x-msvideo": ".avi compressed",
    "video/x-ms-wmv": ".wmv compressed",
    "video/x-ms-asf": ".asf compressed",
    "video/mpeg": ".mpg .mpeg .mpe .m1v .m2v compressed",
    # The segments of HLS. TypeScript has the same extension, but browsers do not run it, and tools
    # that show it ignore the type. As text/plain, segments would be compressed or blocked.
    "video/mp2t": ".ts .m2t .m2ts .mts compressed",
    "video/3gpp": ".3gp compressed",
    "video/3gpp2": ".3g2 compressed",
    "video/iso.segment": ".m4s compressed",
    "application/vnd.apple.mpegurl": ".m3u8",
    "audio/mpegurl": ".m3u",
    "application/dash+xml": ".mpd",
    # fonts
    "font/collection": ".ttc",
    "application/vnd.ms-fontobject": ".eot",
    # 3D models
    "model/gltf-binary": ".glb",
    "model/vnd.collada+xml": ".dae",
    "model/step": ".step .stp",
    "model/iges": ".iges .igs",
    "model/vrml": ".wrl .vrml",
    # keys and signatures
    "application/pgp-signature": ".sig",
    "application/pgp-keys": ".asc",
    "application/x-pkcs12": ".p12 .pfx compressed",
    "application/pkix-cert": ".cer",
    "application/x-x509-ca-cert": ".crt .pem .der",
    "application/pkix-crl": ".crl",
    "application/vnd.apple.pkpass": ".pkpass compressed",
}

_WORDS = [(word, media_type) for media_type, words in _TABLE.items() for word in words.split()]
_BY_EXTENSION = {word: media_type for word, media_type in _WORDS if word.startswith(".")}
_MARKS = {media_type: word for word, media_type in _WORDS if not word.startswith(".")}

# By full name, in lower case.
_BY_NAME = {"apple-app-site-association": "application/json"} | dict.fromkeys(
    ("license", "readme", "changelog", "makefile", "dockerfile", "cname"), "text/plain"
)
# Names in .well-known without an extension, from the IANA registry (RFC 8615) and browsers.
_WELL_KNOWN = dict.fromkeys(
    (
        *("jwt-vc-issuer", "matrix/client", "matrix/server", "matrix/support"),
        *("nodeinfo", "oauth-authorization-server", "oauth-protected-resource"),
        *("openid-configuration", "openid-credential-issuer", "passkey-endpoints"),
        *("smart-configuration", "uma2-configuration", "web-identity", "webauthn"),
    ),
    "application/json",
) | {
    "api-catalog": "application/linkset+json",  # RFC 9727 4.2
    "host-meta": "application/xrd+xml",  # RFC 6415 2
    "traffic-advice": "application/trafficadvice+json",
}
# SVG 1.1 C.3: "SVG files ... that are gzip-compressed" must have this Content-Encoding.
_CODED = {".svgz": ("image/svg+xml", "gzip")}
_TYPES: dict[str, MediaType] = {**_BY_EXTENSION, **_BY_NAME, **_CODED}
