"""``FileApp`` and ``serve_file``: one file or other source, to mount or to call from a view."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from wsgiref.headers import Headers as HeaderMapping

from wsgistatic.files.body import BlockIterator, MultipartIterator
from wsgistatic.files.directory import Resource, single_file
from wsgistatic.files.packages import Traversable, is_traversable, traversable_source
from wsgistatic.files.sources import (
    MemorySource,
    ObjectSource,
    ResourceSource,
    Seekable,
    Source,
    open_file_resource,
)
from wsgistatic.http.conditional import Validators, is_entity_tag
from wsgistatic.http.fields import Headers, content_disposition
from wsgistatic.http.paths import quote_path
from wsgistatic.representations.cache import Catalog
from wsgistatic.representations.headers import CustomHeaders
from wsgistatic.validation import check_choice, check_path
from wsgistatic.wsgi.options import FileOptionKwargs, FileOptions
from wsgistatic.wsgi.responder import AnyResponder
from wsgistatic.wsgi.responses import Answer, error_answer, header, preflight, send

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
        **options: Unpack[FileOptionKwargs],
    ) -> None:
        check_download_name(download_name, disposition)
        _check_validators(validators)
        options.setdefault("encodings", ())
        file_options = FileOptions.from_kwargs(
            options, ("disposition", "download_name", "validators")
        )
        policy = file_options.policy()
        if download_name is not None:
            content_type = file_options.media_types_table().content_type(download_name)
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
    **options: Unpack[FileOptionKwargs],
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


AnySource = (
    str | os.PathLike[str] | bytes | bytearray | memoryview | io.BytesIO | Seekable | Traversable
)

_ALLOWED = (
    "a path, bytes, a binary file object that can seek, or a Traversable such as zipfile.Path"
)

_WRAPPERS = 2  # around a file object, at most


def find_source(source: object) -> Resource | Source:
    """Give what serves a source.

    Arguments:
        source: a path; ``bytes`` and the like, or a BytesIO, as they are now; an open binary
            file or any object with ``seek``, ``tell`` and ``read``; a ``Traversable``.

    Raises:
        TypeError, ValueError: naming the value and what is allowed.
    """
    if isinstance(source, (str, os.PathLike)):
        return single_file(check_path("source", source))
    if not isinstance(source, io.IOBase):
        source = _unwrap(source)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return MemorySource(bytes(source))
    if is_traversable(source):
        return traversable_source(source)
    if not all(callable(getattr(source, name, None)) for name in ("seek", "tell", "read")):
        raise TypeError(f"source must be {_ALLOWED}, not {source!r}")
    return _file_object(source)


def _file_object(file: Any) -> Resource | Source:
    if getattr(file, "closed", False):
        raise ValueError(f"source must be open, as {file!r} is not")
    for ability in ("readable", "seekable"):
        if not getattr(file, ability, lambda: True)():
            raise ValueError(f"source must be {ability}, as {file!r} is not")
    if isinstance(file.read(0), str):
        raise TypeError(f"source must be {_ALLOWED}, not {file!r}, which is one of text")
    if isinstance(file, io.BytesIO):
        return MemorySource(file.getvalue())  # CPython shares the bytes until one of both changes
    return open_file_resource(file) or ObjectSource(file)


def _unwrap(source: object) -> object:
    """Give the file object inside a temporary file, an upload, or Django's file of a field."""
    inner = source
    for _ in range(_WRAPPERS):
        inner = getattr(inner, "file", None)
        if isinstance(inner, io.IOBase):
            return inner
    return source


Disposition = Literal["attachment", "inline"]


def check_download_name(name: object, disposition: object) -> None:
    """Raise TypeError or ValueError unless these are a name, or None, and a disposition."""
    check_choice("disposition", disposition, ("attachment", "inline"))
    if name is not None and not isinstance(name, str):
        raise TypeError(f"download_name must be a file name or None, not {name!r}")
    if name == "":
        raise ValueError("download_name must be a file name or None, not ''")


def named_headers(
    headers: CustomHeaders, name: str, disposition: Disposition, content_type: str
) -> CustomHeaders:
    """Give a value of ``headers`` that says the name and its media type; what is set there wins.

    Arguments:
        headers: the checked option.
        name: offered to the user.
        disposition: ``"attachment"`` to save it, ``"inline"`` to show it.
        content_type: by the name.
    """
    fields = {
        "content-type": content_type,
        "content-disposition": content_disposition(disposition, name),
    }
    if callable(headers):
        function = headers

        def set_headers(mapping: HeaderMapping, path: str, url: str) -> None:
            for field, value in fields.items():
                mapping[field.title()] = value
            function(mapping, path, url)

        return set_headers
    given = dict(headers or {})
    for field, value in fields.items():
        if field not in map(str.lower, given):
            given[field.title()] = value
    return given
