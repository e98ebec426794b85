"""SPDY/3.1 frames: bytes to frames and back.

After the SPDY protocol, draft 3.1, as client-go's spdystream speaks it: control frames of version 3, header
blocks compressed as one zlib stream per direction that begins with a dictionary known to both sides. Pure:
no sockets, no streams. Everything that the other side decides is bounded.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from bugbundle.replay.stream.dictionary import DICTIONARY

VERSION = 3
SYN_STREAM, SYN_REPLY, RST_STREAM, SETTINGS, PING, GOAWAY, HEADERS, WINDOW_UPDATE = 1, 2, 3, 4, 6, 7, 8, 9
FIN = 1
PROTOCOL_ERROR, REFUSED_STREAM, CANCEL = 1, 3, 5

MAX_DATA = 1 << 20
"""Bytes of one data frame; client-go writes 32 KiB at most, and its peers no more."""
MAX_CONTROL = 1 << 15
MAX_HEADERS = 1 << 16
"""Bytes of one header block, inflated."""
MAX_PAIRS = 64


class SpdyError(Exception):
    """What the other side sent is not SPDY, or over a limit: the connection ends."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame. `kind` 0 is data; `stream` or a ping's id; `body` is data, or a control frame's rest."""

    kind: int
    stream: int = 0
    flags: int = 0
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def fin(self) -> bool:
        """Whether the sender is done with the stream."""
        return bool(self.flags & FIN) and self.kind in (0, SYN_STREAM, SYN_REPLY, HEADERS)


class Decoder:
    """Bytes in, frames out. `SpdyError` ends it."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that these bytes complete. Must be read to the end before the next call."""
        self._buffer += data
        while len(self._buffer) >= 8:
            first, second = struct.unpack_from(">II", self._buffer)
            control, length, flags = bool(first >> 31), second & 0xFFFFFF, second >> 24
            if length > (MAX_CONTROL if control else MAX_DATA):
                raise SpdyError(f"a frame of {length} bytes")
            if len(self._buffer) < 8 + length:
                return
            body = bytes(self._buffer[8 : 8 + length])
            del self._buffer[: 8 + length]
            if control:
                yield from self._control(first >> 16 & 0x7FFF, first & 0xFFFF, flags, body)
            else:
                yield Frame(0, first, flags, body)

    def _control(self, version: int, kind: int, flags: int, body: bytes) -> Iterator[Frame]:
        if version != VERSION:
            raise SpdyError(f"version {version}")
        if kind not in _FIXED:
            return  # Unknown control frames are passed over (draft 3, section 2.2.1).
        if len(body) < _FIXED[kind]:
            raise SpdyError(f"a control frame of type {kind} with {len(body)} bytes")
        stream = 0 if kind == SETTINGS else struct.unpack_from(">I", body)[0]
        rest = body[_FIXED[kind] :]
        headers = self._headers(rest) if kind in (SYN_STREAM, SYN_REPLY, HEADERS) else {}
        yield Frame(kind, stream if kind == PING else stream & 0x7FFFFFFF, flags, body[4:], headers)

    def _headers(self, block: bytes) -> dict[str, str]:
        try:
            plain = self._inflate.decompress(block, MAX_HEADERS)
        except zlib.error:
            raise SpdyError("headers that do not inflate") from None
        if self._inflate.unconsumed_tail or self._inflate.eof:
            raise SpdyError("headers over the limit, or a header stream that ended")
        return dict(_pairs(plain))


_FIXED = {
    SYN_STREAM: 10,
    SYN_REPLY: 4,
    RST_STREAM: 8,
    SETTINGS: 4,
    PING: 4,
    GOAWAY: 8,
    HEADERS: 4,
    WINDOW_UPDATE: 8,
}
"""Bytes of a control frame before its headers."""


def _pairs(plain: bytes) -> Iterator[tuple[str, str]]:
    """Names (lower case) and values of a header block; of several values the first."""
    if len(plain) < 4:
        raise SpdyError("a header block without a count")
    count = struct.unpack_from(">I", plain)[0]
    if count > MAX_PAIRS:
        raise SpdyError(f"{count} headers")
    at = 4
    for _ in range(count):
        name, at = _string(plain, at)
        value, at = _string(plain, at)
        yield name.lower(), value.partition("\0")[0]


def _string(plain: bytes, at: int) -> tuple[str, int]:
    if at + 4 > len(plain):
        raise SpdyError("a header block that ends early")
    end = at + 4 + struct.unpack_from(">I", plain, at)[0]
    if end > len(plain):
        raise SpdyError("a header block that ends early")
    return plain[at + 4 : end].decode("latin-1"), end


class Encoder:
    """Frames as bytes, in the order in which they are sent (the header stream has a memory)."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(zdict=DICTIONARY)

    def syn_stream(self, stream: int, headers: dict[str, str], flags: int = 0) -> bytes:
        """Open a stream."""
        return _control(SYN_STREAM, flags, struct.pack(">IIH", stream, 0, 0) + self._block(headers))

    def syn_reply(self, stream: int, headers: dict[str, str] | None = None, flags: int = 0) -> bytes:
        """Accept a stream."""
        return _control(SYN_REPLY, flags, struct.pack(">I", stream) + self._block(headers or {}))

    def _block(self, headers: dict[str, str]) -> bytes:
        plain = struct.pack(">I", len(headers))
        for name, value in headers.items():
            for text in (name.lower().encode("latin-1"), value.encode("latin-1")):
                plain += struct.pack(">I", len(text)) + text
        return self._deflate.compress(plain) + self._deflate.flush(zlib.Z_SYNC_FLUSH)


def rst_stream(stream: int, status: int) -> bytes:
    """Refuse or give up a stream."""
    return _control(RST_STREAM, 0, struct.pack(">II", stream, status))


def ping(number: int) -> bytes:
    """A ping, or the answer to one."""
    return _control(PING, 0, struct.pack(">I", number))


def goaway(last_stream: int, status: int = 0) -> bytes:
    """No more streams after `last_stream`."""
    return _control(GOAWAY, 0, struct.pack(">II", last_stream, status))


def data(stream: int, body: bytes, *, fin: bool = False) -> bytes:
    """Bytes of a stream."""
    return struct.pack(">II", stream & 0x7FFFFFFF, (FIN if fin else 0) << 24 | len(body)) + body


def _control(kind: int, flags: int, body: bytes) -> bytes:
    return struct.pack(">II", 1 << 31 | VERSION << 16 | kind, flags << 24 | len(body)) + body
