"""A multipart form with one file, read piece by piece and written to the store as it arrives."""

from __future__ import annotations

from collections.abc import Callable

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from ..store import Incoming

_LONGEST_TEXT = 1024 * 1024  # bytes of a field that is not a file, as in the gateway


class FormError(Exception):
    """A body that cannot be parsed as a form. The message is the gateway's."""


class UploadForm:
    """The form of an upload. As in the gateway, the last part named `file` counts, and all others are ignored.

    Its methods block: run them in a thread.

    Args:
        content_type: the content type of the request.
        receive: starts storing a file with the given name.

    Raises:
        FormError: the content type has no boundary, or an invalid one.
    """

    def __init__(self, content_type: str, receive: Callable[[str], Incoming]) -> None:
        boundary = parse_options_header(content_type)[1].get(b"boundary")
        if not boundary:
            raise FormError("Missing boundary in multipart.")
        self._receive = receive
        self._header_name = self._header_value = self._disposition = b""
        self._part: Incoming | bytearray | None = None
        self._found: Incoming | bytearray | None = None
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._on_part_begin,
                    "on_header_field": self._on_header_field,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_finished,
                    "on_part_data": self._on_part_data,
                    "on_part_end": self._on_part_end,
                },
            )
        except FormParserError as error:
            raise FormError("Invalid multipart data.") from error

    @property
    def found(self) -> Incoming | str | None:
        """The content of the field `file`: a file, or the text if the field is not a file. None if there was no complete `file` part."""
        return self._found.decode(errors="replace") if isinstance(self._found, bytearray) else self._found

    def feed(self, data: bytes) -> None:
        """Parse the next bytes of the body.

        Raises:
            FormError: they are not valid form data.
            FileTooLargeError, NotTextError: the store does not accept the file.
        """
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise FormError("Invalid multipart data.") from error

    def close(self) -> None:
        """Discard every file that was not kept."""
        for part in (self._part, self._found):
            if isinstance(part, Incoming):
                part.discard()

    def _on_part_begin(self) -> None:
        self._disposition = b""

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = self._header_value
        self._header_name = self._header_value = b""

    def _on_headers_finished(self) -> None:
        options = parse_options_header(self._disposition)[1]
        if b"name" not in options:
            raise FormError('The Content-Disposition header field "name" must be provided.')
        if options[b"name"] != b"file":
            self._part = None
        elif b"filename" in options:
            self._part = self._receive(_decoded(options[b"filename"]))
        else:
            self._part = bytearray()

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if isinstance(self._part, Incoming):
            self._part.write(data[start:end])
        elif self._part is not None:
            self._part += data[start:end]
            if len(self._part) > _LONGEST_TEXT:
                raise FormError(f"Part exceeded maximum size of {_LONGEST_TEXT // 1024}KB.")

    def _on_part_end(self) -> None:
        if self._part is not None:
            if isinstance(self._found, Incoming):
                self._found.discard()
            self._part, self._found = None, self._part


def _decoded(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.decode("latin-1")
