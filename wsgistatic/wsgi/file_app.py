"""``FileApp`` and ``serve_file``: one file or other source, to mount or to call from a view."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from wsgiref.headers import Headers as HeaderMapping

from wsgistatic.files.body import FileBody
from wsgistatic.files.directory import File, HandleFile, single_file
from wsgistatic.files.packages import Traversable, is_traversable, traversable_source
from wsgistatic.files.sources import (
    MemorySource,
    Seekable,
    Source,
    file_object_source,
    raw_file,
)
from wsgistatic.http.codings import CODINGS
from wsgistatic.http.conditional import Validators, is_entity_tag
from wsgistatic.http.fields import Headers, content_disposition
from wsgistatic.http.media_types import MediaType, MediaTypes
from wsgistatic.http.paths import quote_path
from wsgistatic.representations.headers import CustomHeaders
from wsgistatic.representations.loader import Target
from wsgistatic.validation import check_choice, check_path
from wsgistatic.wsgi.copying import Copyable
from wsgistatic.wsgi.offload import Offload
from wsgistatic.wsgi.options import FileOptionKwargs, FileOptions
from wsgistatic.wsgi.request import Request
from wsgistatic.wsgi.responder import Responder
from wsgistatic.wsgi.responses import (
    ClosingBody,
    Response,
    error_response,
    load_errors,
    method_not_allowed,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from typing_extensions import Unpack

AnySource = (
    str | os.PathLike[str] | bytes | bytearray | memoryview | io.BytesIO | Seekable | Traversable
)
Disposition = Literal["attachment", "inline"]
FileOffload = tuple[str, str, str | os.PathLike[str]]

load_errors()  # now, since a view may create its first app during a request

_ALLOWED = (
    "a path, bytes, a binary file object that can seek, or a Traversable such as zipfile.Path"
)


class Served(NamedTuple):
    """What a view returns: status line, header fields, and the body, which must be closed."""

    status: str
    headers: Headers
    body: Iterable[bytes]


class FileApp(Copyable):
    """A WSGI app that serves one file or other source, whatever the URL.

    ``return FileApp(path, cache_control="private")(environ, start_response)``

    The source is looked up at each request; a missing file is a 404. Symbolic links are followed,
    since the caller chose the path, not the client. Compressed copies are used only if
    ``encodings`` names them, since one upload could pose as the compressed copy of another.

    Arguments:
        source: Path of a file; bytes, or a BytesIO, as they are now; an open binary file; any
            object with ``seek``, ``tell`` and ``read``; or a ``Traversable`` of a package, such as
            ``zipfile.Path``. A file object is served from its start, whatever its current position,
            and is not closed. Objects that are not files of the operating system are read under a
            lock. One that reads a part of another file, such as that of ``ZipFile.open``, must be
            opened in the process that serves it, not before a fork.
        download_name: File name for Content-Disposition (RFC 6266), which also decides the media
            type; or None.
        disposition: ``"attachment"`` to save the file under that name, ``"inline"`` to display it.
        validators: Validators of a source whose version you know (RFC 9110 8.8), or None to use
            those of the source.
        offload: Lets the front server send the file if it is below a directory: the header field,
            the path by which that server knows the directory, and the path of the directory. All
            other sources are sent by the app. Compressed copies are not used then.
        options: The per-file options of ``StaticFiles``, from ``cache_control`` on.

    Raises:
        TypeError, ValueError: An option is unknown, or its value is not allowed. The message names
            the option, the value and what is allowed.
    """

    def __init__(
        self,
        source: AnySource,
        *,
        download_name: str | None = None,
        disposition: Disposition = "attachment",
        validators: Validators | None = None,
        offload: FileOffload | None = None,
        **options: Unpack[FileOptionKwargs],
    ) -> None:
        check_download_name(download_name, disposition)
        _check_validators(validators)
        options.setdefault("encodings", ())
        checked = FileOptions.from_kwargs(
            options, ("disposition", "download_name", "offload", "validators")
        )
        self._source = find_source(source)
        if download_name is not None:
            types = MediaTypes(checked.media_types, checked.charset)
            content_type = types.content_type(download_name)
            coding = types.coding(download_name)
            if coding is not None:
                # Browsers would decode a download, and save the content under the coded name.
                stored: MediaType = (content_type, coding)
                if disposition == "attachment":
                    stored = content_type = types.content_type(CODINGS[coding].suffix)
                types_by_name = {**(checked.media_types or {})}
                types_by_name[os.path.basename(self._source.path)] = stored
                checked = replace(checked, media_types=types_by_name)
            headers = with_download_name(checked.headers, download_name, disposition, content_type)
            checked = replace(checked, headers=headers)
        if isinstance(self._source, HandleFile):
            # A server's wrapper sends from the position of the descriptor, which is shared.
            checked = replace(checked, file_wrapper=checked.file_wrapper and None)
        if validators is not None:
            # A sidecar would get the same entity tag as its original.
            checked = replace(checked, encodings=())
        front = None if offload is None else _front_server(offload, self._source)
        if front is not None:
            checked = replace(checked, encodings=())
        self._responder = Responder(checked, front, validators)
        others = {"download_name": download_name, "disposition": disposition, "offload": offload}
        given = self._source.content if isinstance(self._source, MemorySource) else source
        by_path = isinstance(source, (str, os.PathLike))
        lasting = self._source.path if by_path else given
        self._remember((given,), (lasting,), {**options, **others, "validators": validators})

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Respond to a request (PEP 3333)."""
        request = Request(environ)
        return self._respond(request).start(request, start_response)

    def respond(self, environ: WSGIEnvironment) -> Response:
        """Return the response to a request, with its ``status``, ``headers`` and ``body``."""
        return self._respond(Request(environ))

    def _respond(self, request: Request) -> Response:
        policy = self._responder.policy
        if not request.is_read:
            return method_not_allowed(request, policy).for_origin(request, policy)
        url = quote_path(request.script_name + request.path_info)
        response = None
        with suppress(IsADirectoryError):
            response = self._responder.respond(request, Target(self._source, url, ""))
        response = (response or error_response(404, policy)).for_origin(request, policy)
        if response.status != "200 OK" or request.is_head:
            # Django's GZipMiddleware and Flask-Compress read the field after the view. They would
            # compress a part, whose Content-Range counts other bytes, and add a body to a 304 or
            # to the response to HEAD.
            request.environ.pop("HTTP_ACCEPT_ENCODING", None)
        if request.is_head and isinstance(response.body, list):
            return response._replace(body=[b""])
        return response


def serve_file(
    environ: WSGIEnvironment,
    source: AnySource,
    *,
    download_name: str | None = None,
    disposition: Disposition = "attachment",
    validators: Validators | None = None,
    offload: FileOffload | None = None,
    **options: Unpack[FileOptionKwargs],
) -> Served:
    """Respond to a request with a file or other source, from a view.

    ``status, headers, body = serve_file(environ, source, download_name="report.pdf")``

    A file object belongs to the response, which closes it with the body, or at once if none of it
    is sent. (A BytesIO is not closed, since it was copied.)

    Arguments:
        environ: The WSGI environ of the request. Accept-Encoding is removed from it unless the
            response is a whole file, so that compression middleware leaves the others alone.
        source, download_name, disposition, validators, offload, options: As for ``FileApp``.

    Returns:
        The status line, the header fields as a list of pairs, and the body. Its ``close()`` must be
        called; servers and frameworks do that.

    Raises:
        TypeError, ValueError: As for ``FileApp``.
    """
    app = FileApp(
        source,
        download_name=download_name,
        disposition=disposition,
        validators=validators,
        offload=offload,
        **options,
    )
    close = None if isinstance(source, io.BytesIO) else getattr(source, "close", None)
    if close is None:
        return Served(*app.respond(environ)[:3])
    with ExitStack() as unsent:
        unsent.callback(close)
        status, headers, body = app.respond(environ)[:3]
        if isinstance(body, FileBody):
            body = ClosingBody(body, unsent.pop_all().close)
        return Served(status, headers, body)


def _check_validators(validators: object) -> None:
    if validators is None:
        return
    if not isinstance(validators, Validators):
        raise TypeError(f"validators must be Validators or None, not {validators!r}")
    etag, date = validators.etag, validators.last_modified
    if etag is not None and not (isinstance(etag, str) and is_entity_tag(etag)):
        allowed = "an entity tag with its quotes, or None"
        raise ValueError(f"validators.etag must be {allowed}, not {etag!r}")
    if date is not None and (not isinstance(date, int) or date < 0):
        allowed = "whole seconds since the epoch, or None"
        raise ValueError(f"validators.last_modified must be {allowed}, not {date!r}")


def _front_server(offload: object, source: Source) -> Offload | None:
    """Check the argument ``offload``; return None for a source that the front server lacks."""
    if not isinstance(offload, (tuple, list)) or len(offload) != 3:
        allowed = "a header field, the front server's path to a directory, and the directory's path"
        raise TypeError(f"offload must be {allowed}, or None, not {offload!r}")
    root = check_path("offload", offload[2]).rstrip(os.sep) + os.sep
    front = Offload(offload[:2], root)
    # An open file may have another name by now, or none. And ".." would be resolved, or refused.
    is_named = isinstance(source, File) and not isinstance(source, HandleFile)
    is_inside = source.path.startswith(root) and ".." not in source.path.split(os.sep)
    return front if is_named and is_inside else None


def find_source(source: object) -> Source:
    """Return the source for that argument of ``FileApp``; raise TypeError or ValueError."""
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


def _file_object(file: Any) -> Source:
    if getattr(file, "closed", False):
        raise ValueError(f"source must be an open file; {file!r} is closed")
    for ability in ("readable", "seekable"):
        if not getattr(file, ability, lambda: True)():
            raise ValueError(f"source must be {ability}; {file!r} is not")
    if isinstance(file.read(0), str):
        raise TypeError(f"source must be {_ALLOWED}, not the text file {file!r}")
    if isinstance(file, io.BytesIO):
        return MemorySource(file.getvalue())  # CPython copies the bytes only if one changes
    return file_object_source(file) if raw_file(file) is None else HandleFile(file)


def _unwrap(source: object) -> object:
    """Return the file object inside a temporary file, an upload, or a Django FieldFile."""
    inner = source
    for _ in range(2):  # an upload may hold a temporary file, which is a wrapper too
        inner = getattr(inner, "file", None)
        if isinstance(inner, io.IOBase):
            return inner
    return source


def check_download_name(name: object, disposition: object) -> None:
    """Raise TypeError or ValueError unless these are a name or None, and a disposition."""
    check_choice("disposition", disposition, ("attachment", "inline"))
    if name is not None and not isinstance(name, str):
        raise TypeError(f"download_name must be a file name or None, not {name!r}")
    if name == "":
        raise ValueError("download_name must be a file name or None, not ''")


def with_download_name(
    headers: CustomHeaders, name: str, disposition: Disposition, content_type: str
) -> CustomHeaders:
    """Return the option ``headers`` with these two fields, which it may override, added."""
    value = content_disposition(disposition, name)
    fields = {"Content-Type": content_type, "Content-Disposition": value}
    if callable(headers):
        function = headers

        def set_headers(mapping: HeaderMapping, path: str, url: str) -> None:
            for field, value in fields.items():
                mapping[field] = value
            function(mapping, path, url)

        return set_headers
    given = headers or {}
    names = {field.lower() for field in given}
    return {**given, **{name: fields[name] for name in fields if name.lower() not in names}}
