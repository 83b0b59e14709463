"""Two releases of a bundle, and the fields of a client that has the first one."""

from __future__ import annotations

import random
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

from tests.conftest import age
from wsgistatic.http.codings import zstd_codec
from wsgistatic.http.dictionaries import DCZ_HEAD, DCZ_MAGIC

_WORDS = [f"function f{number}(x){{return x*{number}}};\n" for number in range(1000)]
_LINES = random.Random(1).choices(_WORDS, k=1000)
OLD_BUNDLE = "".join(_LINES).encode()
NEW_BUNDLE = "".join([*_LINES[:500], "console.log('release 2');\n", *_LINES[501:]]).encode()
DIGITS = sha256(OLD_BUNDLE).hexdigest()


def offer(content: bytes, accepted: str = "gzip, deflate, br, zstd, dcb, dcz") -> dict[str, str]:
    """Return the header fields with which a client offers a dictionary."""
    value = f":{b64encode(sha256(content).digest()).decode()}:"
    return {"Available-Dictionary": value, "Accept-Encoding": accepted}


def decode(delta: bytes, dictionary: bytes) -> bytes:
    """Return the content of a delta."""
    frame, end = delta[DCZ_HEAD:-DCZ_HEAD], delta[-DCZ_HEAD:]
    content = b"".join(zstd_codec(dictionary).decode([frame]))
    assert end == DCZ_MAGIC + sha256(content).digest()
    return content


def write(folder: Path, files: dict[str, bytes]) -> Path:
    """Write a release; all files have the same old time."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        age(path)
    return folder
