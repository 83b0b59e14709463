"""Which files compression is no use for, by their media type.

Strategy: only what is compressed by nature, or always read in ranges (which count in the bytes of
the file itself), is listed here. The rest is tried, and kept if it saves enough.
"""

from __future__ import annotations

from wsgistatic.media_types import MediaTypes

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
