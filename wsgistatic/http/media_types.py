"""Media types by file name: one table of our own, the same on every host.

Strategy: the longest extension that is known decides (``.tar.gz`` before ``.gz``). A compressed
file is what it is, never its content with a Content-Encoding: the client asked for the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from wsgistatic.http.fields import TOKEN

UNKNOWN = "application/octet-stream"

_MEDIA_TYPE = re.compile(
    rf"{TOKEN}/{TOKEN}(?:[ \t]*;[ \t]*{TOKEN}=(?:{TOKEN}|\"[\x20\x21\x23-\x5b\x5d-\x7e]*\"))*"
)

_BY_TYPE = {
    # text
    "text/html": ".html .htm",
    "text/css": ".css",
    "text/javascript": ".js .mjs",  # RFC 9239; browsers refuse modules of any other type
    "text/plain": ".txt .text .log .ini .conf .cfg .diff .patch .po .pot .lock .srt .rst .sh .bat "
    ".py .pyi .rb .go .rs .c .h .cc .cpp .hpp .java .kt .swift .lua .pl .sql .scss .sass .less "
    ".ts .tsx .jsx .vue .svelte .glsl .tex",
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "text/markdown": ".md .markdown",
    "text/calendar": ".ics .ifb",
    "text/vcard": ".vcf .vcard",
    "text/vtt": ".vtt",
    "text/vnd.graphviz": ".gv .dot",
    "text/turtle": ".ttl",
    "text/n3": ".n3",
    "text/cache-manifest": ".appcache",
    # data as text
    "application/json": ".json .map .importmap .webapp .topojson .har .ipynb",
    "application/json5": ".json5",
    "application/jsonl": ".jsonl .ndjson",
    "application/ld+json": ".jsonld",
    "application/geo+json": ".geojson",
    "application/geo+json-seq": ".geojsonl .geojsons",
    "application/manifest+json": ".webmanifest",
    "application/schema+json": ".schema.json",
    "application/yaml": ".yaml .yml",
    "application/toml": ".toml",
    "application/xml": ".xml .xsd .dtd .rng .sch .xul",
    "application/xslt+xml": ".xsl .xslt",
    "application/xhtml+xml": ".xhtml .xht",
    "application/atom+xml": ".atom",
    "application/rss+xml": ".rss",
    "application/rdf+xml": ".rdf .owl",
    "application/mathml+xml": ".mathml",
    "application/gpx+xml": ".gpx",
    "application/vnd.google-earth.kml+xml": ".kml",
    "application/vnd.google-earth.kmz": ".kmz",
    "application/gml+xml": ".gml",
    "application/opensearchdescription+xml": ".osdx",
    "application/n-triples": ".nt",
    "application/n-quads": ".nq",
    "application/trig": ".trig",
    "application/graphql": ".graphql .gql",
    "application/cbor": ".cbor",
    "application/msgpack": ".msgpack",
    "application/x-bibtex": ".bib",
    # programs
    "application/wasm": ".wasm",
    "application/java-archive": ".jar .war .ear",
    "application/vnd.android.package-archive": ".apk",
    "application/vnd.microsoft.portable-executable": ".exe .dll",
    "application/x-msi": ".msi",
    "application/x-apple-diskimage": ".dmg",
    "application/vnd.debian.binary-package": ".deb .udeb",
    "application/x-rpm": ".rpm",
    "application/x-iso9660-image": ".iso",
    "application/x-xpinstall": ".xpi",
    "application/x-chrome-extension": ".crx",
    # archives: .whl and the like are zip files with a purpose
    "application/zip": ".zip .whl .egg .nupkg .vsix .cbz .npz",
    "application/gzip": ".gz .tgz .tar.gz .svgz .warc.gz",
    "application/x-bzip2": ".bz2 .tbz2 .tar.bz2",
    "application/x-xz": ".xz .txz .tar.xz",
    "application/x-lzma": ".lzma",
    "application/x-lz4": ".lz4",
    "application/zstd": ".zst .tzst .tar.zst",
    "application/x-brotli": ".br",
    "application/x-tar": ".tar",
    "application/x-7z-compressed": ".7z",
    "application/vnd.rar": ".rar",
    "application/x-zsync": ".zsync",
    "application/x-bittorrent": ".torrent",
    "application/warc": ".warc",
    # documents
    "application/pdf": ".pdf",
    "application/postscript": ".ps .eps .ai",
    "application/rtf": ".rtf",
    "application/epub+zip": ".epub",
    "application/x-mobipocket-ebook": ".mobi",
    "application/vnd.amazon.ebook": ".azw",
    "application/msword": ".doc",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.ms-powerpoint": ".ppt",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "application/vnd.oasis.opendocument.text": ".odt",
    "application/vnd.oasis.opendocument.spreadsheet": ".ods",
    "application/vnd.oasis.opendocument.presentation": ".odp",
    "application/vnd.oasis.opendocument.graphics": ".odg",
    # data in columns, tiles, arrays
    "application/vnd.apache.parquet": ".parquet .geoparquet",
    "application/vnd.apache.arrow.file": ".arrow .feather",
    "application/vnd.apache.arrow.stream": ".arrows",
    "application/vnd.sqlite3": ".sqlite .sqlite3 .gpkg .mbtiles",
    "application/vnd.pmtiles": ".pmtiles",
    "application/vnd.mapbox-vector-tile": ".mvt .pbf",
    "application/vnd.flatgeobuf": ".fgb",
    "application/vnd.laszip": ".laz",
    "application/vnd.las": ".las",
    "application/x-hdf5": ".h5 .hdf5",
    "application/x-netcdf": ".nc",
    # images
    "image/png": ".png",
    "image/apng": ".apng",
    "image/jpeg": ".jpg .jpeg .jpe .jfif",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "image/avif": ".avif",
    "image/jxl": ".jxl",
    "image/heic": ".heic",
    "image/heif": ".heif",
    "image/svg+xml": ".svg",
    "image/x-icon": ".ico .cur",
    "image/bmp": ".bmp",
    "image/tiff": ".tif .tiff",
    "image/jp2": ".jp2",
    "image/ktx2": ".ktx2",
    "image/vnd.adobe.photoshop": ".psd",
    "image/vnd.djvu": ".djvu .djv",
    # sound and film
    "audio/mpeg": ".mp3",
    "audio/mp4": ".m4a",
    "audio/aac": ".aac",
    "audio/flac": ".flac",
    "audio/ogg": ".ogg .oga .opus .spx",
    "audio/wav": ".wav",
    "audio/webm": ".weba",
    "audio/midi": ".mid .midi",
    "audio/aiff": ".aif .aiff",
    "video/mp4": ".mp4 .m4v .mp4v",
    "video/webm": ".webm",
    "video/ogg": ".ogv",
    "video/quicktime": ".mov .qt",
    "video/x-matroska": ".mkv",
    "video/x-msvideo": ".avi",
    "video/mpeg": ".mpg .mpeg",
    "video/mp2t": ".m2ts .mts",
    "video/3gpp": ".3gp",
    "video/iso.segment": ".m4s",
    "application/vnd.apple.mpegurl": ".m3u8",
    "audio/mpegurl": ".m3u",
    "application/dash+xml": ".mpd",
    # fonts
    "font/woff2": ".woff2",
    "font/woff": ".woff",
    "font/ttf": ".ttf",
    "font/otf": ".otf",
    "font/collection": ".ttc",
    "application/vnd.ms-fontobject": ".eot",
    # three dimensions
    "model/gltf-binary": ".glb",
    "model/gltf+json": ".gltf",
    "model/obj": ".obj",
    "model/mtl": ".mtl",
    "model/stl": ".stl",
    "model/3mf": ".3mf",
    "model/vnd.usdz+zip": ".usdz",
    # keys and signatures
    "application/pgp-signature": ".sig",
    "application/pgp-keys": ".asc",
    "application/pkix-cert": ".cer",
    "application/x-x509-ca-cert": ".crt .pem .der",
    "application/pkix-crl": ".crl",
    "application/vnd.apple.pkpass": ".pkpass",
}

_BY_EXTENSION = {
    extension: media_type
    for media_type, extensions in _BY_TYPE.items()
    for extension in extensions.split()
}

_BY_NAME = {
    "apple-app-site-association": "application/json",
    "license": "text/plain",
    "readme": "text/plain",
    "changelog": "text/plain",
    "makefile": "text/plain",
    "dockerfile": "text/plain",
    "cname": "text/plain",
}


class MediaTypes:
    """Finds the Content-Type of a file name.

    Arguments:
        overrides: media types by extension (``".foo"``, ``".tar.foo"``) or by whole file name
            (``"CNAME"``); case does not matter.
        charset: added to text types that name none; None adds nothing.

    Raises:
        TypeError, ValueError: naming the option, the value and what is allowed.
    """

    def __init__(
        self, overrides: Mapping[str, str] | None = None, charset: str | None = "utf-8"
    ) -> None:
        if charset is not None and not (isinstance(charset, str) and re.fullmatch(TOKEN, charset)):
            raise ValueError(f"charset must be a name such as 'utf-8', or None, not {charset!r}")
        self._suffix = f"; charset={charset}" if charset else ""
        self._overrides = dict(_checked(overrides))

    def content_type(self, name: str) -> str:
        """Give the value of Content-Type for a file name (without directories)."""
        return self._with_charset(self._find(name) or UNKNOWN)

    def knows(self, name: str) -> bool:
        """Tell whether a file name (without directories) has a media type of its own."""
        return self._find(name) is not None

    def _find(self, name: str) -> str | None:
        name = name.lower()
        return _look_up(name, self._overrides, self._overrides) or _look_up(
            name, _BY_NAME, _BY_EXTENSION
        )

    def _with_charset(self, media_type: str) -> str:
        if media_type.startswith("text/") and "charset=" not in media_type.lower():
            return media_type + self._suffix
        return media_type


def _look_up(name: str, names: Mapping[str, str], extensions: Mapping[str, str]) -> str | None:
    found = names.get(name)
    dot = name.find(".")
    while found is None and dot >= 0:
        found = extensions.get(name[dot:])
        dot = name.find(".", dot + 1)
    return found


def _checked(overrides: Mapping[str, str] | None) -> list[tuple[str, str]]:
    if overrides is None:
        return []
    if not isinstance(overrides, Mapping):
        raise TypeError(f"media_types must map names to media types, not be {overrides!r}")
    for key, value in overrides.items():
        if not isinstance(key, str) or not key or "/" in key:
            raise ValueError(
                f"media_types has the key {key!r}: an extension such as '.foo' or a file name "
                "is allowed"
            )
        if not isinstance(value, str) or not _MEDIA_TYPE.fullmatch(value):
            raise ValueError(
                f"media_types has the value {value!r} for {key!r}: a media type such as "
                "'text/plain' is allowed"
            )
    return [(key.lower(), value) for key, value in overrides.items()]


_COMPRESSED = "compressed by nature"
_RANGES = "read in ranges"

# By main type, with the few that are plain bytes or text.
_MAIN_TYPES = {
    "image": (_COMPRESSED, {"image/svg+xml", "image/bmp", "image/x-icon"}),
    "audio": (_COMPRESSED, {"audio/mpegurl", "audio/midi"}),
    "video": (_COMPRESSED, set[str]()),  # players seek, besides, and ask for identity
}
_TYPES = {
    # What a sidecar is, and what a download is unpacked from.
    "application/gzip": _COMPRESSED,
    "application/zstd": _COMPRESSED,
    "application/x-brotli": _COMPRESSED,
    "application/x-bzip2": _COMPRESSED,
    "application/x-xz": _COMPRESSED,
    "application/x-lzma": _COMPRESSED,
    "application/x-lz4": _COMPRESSED,
    "application/zip": _COMPRESSED,
    "application/x-7z-compressed": _COMPRESSED,
    "application/vnd.rar": _COMPRESSED,
    # Programs and packages: archives with a purpose.
    "application/java-archive": _COMPRESSED,
    "application/vnd.android.package-archive": _COMPRESSED,
    "application/x-msi": _COMPRESSED,
    "application/x-apple-diskimage": _COMPRESSED,
    "application/vnd.debian.binary-package": _COMPRESSED,
    "application/x-rpm": _COMPRESSED,
    "application/x-xpinstall": _COMPRESSED,
    "application/x-chrome-extension": _COMPRESSED,
    "application/vnd.apple.pkpass": _COMPRESSED,
    "application/x-bittorrent": _COMPRESSED,  # hashes: noise
    "application/x-zsync": _COMPRESSED,  # hashes too
    # Documents that are zip files, or hold compressed streams.
    "application/pdf": _COMPRESSED,  # and its readers use ranges
    "application/epub+zip": _COMPRESSED,
    "application/x-mobipocket-ebook": _COMPRESSED,
    "application/vnd.amazon.ebook": _COMPRESSED,
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": _COMPRESSED,
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": _COMPRESSED,
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": _COMPRESSED,
    "application/vnd.oasis.opendocument.text": _COMPRESSED,
    "application/vnd.oasis.opendocument.spreadsheet": _COMPRESSED,
    "application/vnd.oasis.opendocument.presentation": _COMPRESSED,
    "application/vnd.oasis.opendocument.graphics": _COMPRESSED,
    "application/vnd.google-earth.kmz": _COMPRESSED,
    "model/3mf": _COMPRESSED,
    "model/vnd.usdz+zip": _COMPRESSED,
    # Fonts: woff is deflate, woff2 Brotli; ttf, otf and eot are plain.
    "font/woff": _COMPRESSED,
    "font/woff2": _COMPRESSED,
    # Disk images, tables, tiles and arrays: large, and read a piece at a time.
    "application/x-iso9660-image": _RANGES,
    "application/vnd.apache.parquet": _RANGES,
    "application/vnd.apache.arrow.file": _RANGES,
    "application/vnd.sqlite3": _RANGES,
    "application/vnd.pmtiles": _RANGES,
    "application/vnd.flatgeobuf": _RANGES,
    "application/vnd.laszip": _COMPRESSED,
    "application/x-hdf5": _RANGES,
    "application/x-netcdf": _RANGES,
}

_media_types = MediaTypes(charset=None)


def why_not_compressed(name: str) -> str | None:
    """Give the reason why a file of this name is not worth a try; None where it is."""
    media_type = _media_types.content_type(name)
    reason, plain = _MAIN_TYPES.get(media_type.partition("/")[0], (None, set[str]()))
    if reason is not None and media_type not in plain:
        return reason
    return _TYPES.get(media_type)


def is_text(content_type: str) -> bool:
    """Tell whether a media type is text by nature."""
    media_type = content_type.partition(";")[0].strip().lower()
    return (
        media_type.startswith("text/")
        or media_type.endswith(("+json", "+xml", "/json", "/xml", "/javascript"))
        or media_type in _TEXT
    )


_TEXT = {
    *("application/json5", "application/jsonl", "application/yaml", "application/toml"),
    *("application/graphql", "application/n-triples", "application/n-quads", "application/trig"),
    *("application/x-bibtex", "application/vnd.apple.mpegurl", "audio/mpegurl"),
    *("model/obj", "model/mtl"),
}
