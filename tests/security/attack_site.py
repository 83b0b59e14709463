"""A site to attack: a root, and files around it whose content must never be sent."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import age
from tests.platforms import ON_WINDOWS, make_fifo

CANARY = b"canary-7f3a91"
PAGE = b"<p>inside</p>\n"


def make_attack_site(top: Path) -> Path:
    """Create a root with the kinds of files that attacks start from, and canaries around it.

    On Windows it is without what cannot exist there: some names, links and pipes.
    """
    root = top / "site"
    for name in ("sub", "d\u00fcr", "bare", ".git"):
        (root / name).mkdir(parents=True)
    for name in ("hello.txt", "x.js", "sub/index.html", "d\u00fcr/index.html", "digits.bin"):
        (root / name).write_bytes(b"0123456789" * 100 if name == "digits.bin" else PAGE)
        age(root / name)
    for hidden in (".env", ".git/config", "bare/.htpasswd"):
        (root / hidden).write_bytes(CANARY)
    for outside in ("secret", "secret.txt", "site.txt", "site-secret/secret", "deep/secret"):
        (top / outside).parent.mkdir(exist_ok=True)
        (top / outside).write_bytes(CANARY)
        age(top / outside)
    if not ON_WINDOWS:
        _add_what_windows_lacks(root)
    return root


def _add_what_windows_lacks(root: Path) -> None:
    for name in ('"><script>', "bare/<img src=x onerror=x>"):
        (root / name).mkdir()
    (root / '"><script>' / "index.html").write_bytes(PAGE)
    (root / "bare" / "javascript:alert(1)").write_bytes(PAGE)
    (root / "link").symlink_to("../site-secret/secret")
    (root / "out.txt").symlink_to("../secret.txt")
    (root / "outdir").symlink_to("..")
    (root / "absolute").symlink_to(root.parent / "secret")
    (root / "zero").symlink_to("/dev/zero")
    make_fifo(root / "pipe")
