"""``FileApp`` and ``serve_file``: one file or other source, to mount or to call from a view."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from wsgistatic.answers import Answer, error_answer, header, preflight, send
from wsgistatic.body import BlockIterator, MultipartIterator
from wsgistatic.catalog import Catalog
from wsgistatic.directory import Resource
from wsgistatic.downloads import Disposition, check_download_name, named_headers
from wsgistatic.entity_tags import is_entity_tag
from wsgistatic.find_source import AnySource, find_source
from wsgistatic.options import FileOptions, FileOptionValues
from wsgistatic.paths import quote_path
from wsgistatic.preconditions import Validators
from wsgistatic.representation import Headers
from wsgistatic.source_responder import AnyResponder
from wsgistatic.sources import ResourceSource, Source

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from typing_extensions import Unpack


class Served(NamedTuple):
    """What a view returns: the status line, the header fields, and the body, to be closed."""

    status: str
    headers: Headers
    body: Iterable[bytes]


class FileApp:
    """A WSGI app that serves one file or other source, whatever the URL.

    ``return FileApp(path, cache_control="private")(environ, start_response)``

    The source is looked at anew at each request; a missing file is 404. Links are followed: the
    path is yours, not the client's. Sidecars are used only where ``encodings`` names them: beside
    an upload may lie somebody else's.

    Arguments:
        source: path of a file; bytes, or a BytesIO, as they are now; an open binary file; any
            object with ``seek``, ``tell`` and ``read``; a ``Traversable`` of a package, such as
            ``zipfile.Path``. All of it is served, wherever a file object stands, and none is
            closed; objects that are no files of the system are read under a lock.
        download_name: file name for Content-Disposition, which also decides the media type.
        disposition: ``"attachment"`` (saved under that name) or ``"inline"`` (shown).
        validators: of a source whose version you know, instead of its own.
        options: those of ``FileOptions``, which the README tells about.

    Raises:
        TypeError, ValueError: naming the option, the value and what is allowed.
    """

    def __init__(
        self,
        source: AnySource,
        *,
        download_name: str | None = None,
        disposition: Disposition = "attachment",
        validators: Validators | None = None,
        **options: Unpack[FileOptionValues],
    ) -> None:
        check_download_name(download_name, disposition)
        _check_validators(validators)
        options.setdefault("encodings", ())
        file_options = FileOptions.of(options, ("disposition", "download_name", "validators"))
        policy = file_options.policy()
        if download_name is not None:
            content_type = file_options.find_media_types().content_type(download_name)
            headers = named_headers(file_options.headers, download_name, disposition, content_type)
            file_options = replace(file_options, headers=headers)
            policy = file_options.policy()
        found = find_source(source)
        if isinstance(found, Resource) and not isinstance(source, (str, os.PathLike)):
            # Servers' wrappers send from where the descriptor stands, which is shared.
            file_options = replace(file_options, file_wrapper=file_options.file_wrapper and None)
        if isinstance(found, Resource) and validators is not None:
            found = ResourceSource(found)
        self._source: Resource | Source = found
        self._policy = policy
        # Nothing is kept: an app made in a view lives for one request.
        catalog = Catalog(0, 0, 0.0)
        self._responder = AnyResponder(file_options, policy, catalog, validators)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request (PEP 3333)."""
        return send(self.answer(environ), environ, start_response)

    def answer(self, environ: WSGIEnvironment) -> Answer:
        """Give the answer to a request: status, header fields and body."""
        answer = self._answer(environ)
        if environ.get("REQUEST_METHOD") == "HEAD" and isinstance(answer.body, list):
            return answer._replace(body=[b""])
        return answer

    def _answer(self, environ: WSGIEnvironment) -> Answer:
        if environ.get("REQUEST_METHOD") not in ("GET", "HEAD"):
            return preflight(environ, self._policy) or error_answer(
                405, self._policy, ("Allow", "GET, HEAD")
            )
        url = (header(environ, "SCRIPT_NAME") or "") + (header(environ, "PATH_INFO") or "")
        answer = None
        with suppress(IsADirectoryError):
            answer = self._responder.respond(environ, self._source, quote_path(url), "")
        return answer or error_answer(404, self._policy)


def serve_file(
    environ: WSGIEnvironment,
    source: AnySource,
    *,
    download_name: str | None = None,
    disposition: Disposition = "attachment",
    validators: Validators | None = None,
    **options: Unpack[FileOptionValues],
) -> Served:
    """Answer a request with a file or other source, from a view.

    ``status, headers, body = serve_file(environ, source, download_name="report.pdf")``

    A file object is taken over: it is closed when the body is, or at once where nothing of it is
    sent. (A BytesIO is not: it was copied.)

    Arguments:
        environ: the request.
        source: as that of ``FileApp``, and so are the others.

    Returns:
        The status line, the header fields as a list of pairs, and the body, whose ``close()`` is
        to be called, which servers and frameworks do.

    Raises:
        TypeError, ValueError: as ``FileApp``.
    """
    app = FileApp(
        source,
        download_name=download_name,
        disposition=disposition,
        validators=validators,
        **options,
    )
    close = getattr(source, "close", None)
    if close is None or isinstance(source, io.BytesIO):
        return Served(*app.answer(environ)[:3])
    try:
        status, headers, body = app.answer(environ)[:3]
    except BaseException:
        close()
        raise
    if isinstance(body, (BlockIterator, MultipartIterator)):
        return Served(status, headers, _ClosingBody(body, close))
    close()
    return Served(status, headers, body)


class _ClosingBody:
    """A body that closes a file object besides its own, at its end too (see ``body``)."""

    def __init__(
        self, body: BlockIterator | MultipartIterator, close: Callable[[], object]
    ) -> None:
        self._body = body
        self._close = close

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._body)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close both; as often as you like."""
        self._body.close()
        self._close()


def _check_validators(validators: object) -> None:
    if validators is None:
        return
    if not isinstance(validators, Validators):
        raise TypeError(f"validators must be Validators or None, not {validators!r}")
    etag, date = validators.etag, validators.last_modified
    if etag is not None and not (isinstance(etag, str) and is_entity_tag(etag)):
        raise ValueError(f"validators must have an etag with its quotes or None, not {etag!r}")
    if date is not None and (not isinstance(date, int) or date < 0):
        raise ValueError(
            f"validators must have whole seconds or None as last_modified, not {date!r}"
        )
