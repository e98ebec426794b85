"""The door to msgspec and xxhash: JSON in and out, raw JSON values, hashes.

Nothing here knows what the bytes mean.
"""

from __future__ import annotations

from typing import Any

import msgspec
import xxhash

from bugbundle.errors import BugbundleError

Raw = msgspec.Raw
"""A JSON value that was found, not parsed."""

Struct = msgspec.Struct
"""A typed JSON object; members that it does not name are skipped unread."""

field = msgspec.field
"""A default of a `Struct`'s member."""

_decode = msgspec.json.Decoder().decode
_decode_object = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_array = msgspec.json.Decoder(list[Raw]).decode
_encode = msgspec.json.Encoder().encode
_pack = msgspec.msgpack.Encoder().encode
_pack_sorted = msgspec.msgpack.Encoder(order="sorted").encode
_encode_sorted = msgspec.json.Encoder(order="sorted").encode


class JSONError(BugbundleError):
    """Bytes that are not the JSON they should be."""


def decode(data: bytes | Raw, where: str = "") -> Any:
    """Parse JSON. Raises `JSONError` naming `where`; nesting too deep for the parser counts as not JSON."""
    try:
        return _decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, OverflowError) as error:
        raise JSONError(f"not JSON ({_reason(error)})", where=where) from None


def split_object(data: bytes | Raw, where: str = "") -> dict[str, Raw]:
    """The members of a JSON object, values unparsed."""
    try:
        return _decode_object(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise JSONError(f"not a JSON object ({_reason(error)})", where=where) from None


def split_array(data: bytes | Raw, where: str = "") -> list[Raw]:
    """The items of a JSON array, unparsed."""
    try:
        return _decode_array(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise JSONError(f"not a JSON array ({_reason(error)})", where=where) from None


class Reader:
    """A decoder of JSON into one type. Raises `JSONError`."""

    def __init__(self, shape: Any) -> None:
        self._decode = msgspec.json.Decoder(shape).decode

    def __call__(self, data: bytes | Raw, where: str = "") -> Any:
        """The value, in the shape that the reader was made for."""
        try:
            return self._decode(data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, OverflowError) as error:
            raise JSONError(f"not the JSON that belongs here ({_reason(error)})", where=where) from None


def encode(value: Any) -> bytes:
    """Compact JSON, keys in their own order."""
    return _encode(value)


def encode_sorted(value: Any) -> bytes:
    """Compact JSON with sorted keys: equal values give equal bytes."""
    return _encode_sorted(value)


def encode_packed(value: Any, *, ordered: bool = False) -> bytes:
    """MessagePack; `ordered` sorts keys, so that equal values give equal bytes."""
    return _pack_sorted(value) if ordered else _pack(value)


def read_packed(data: bytes, shape: Any) -> Any:
    """MessagePack in the given shape. Raises `JSONError` for anything else."""
    try:
        return msgspec.msgpack.decode(data, type=shape)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, OverflowError) as error:
        raise JSONError(f"not what was written ({_reason(error)})") from None


def reindent(data: bytes | Raw, indent: int) -> bytes:
    """The same JSON with `indent` spaces a level (negative: none at all); numbers and strings as written."""
    try:
        return msgspec.json.format(bytes(data), indent=indent)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise JSONError(f"not JSON ({_reason(error)})") from None


def hash128(data: bytes | Raw) -> bytes:
    """xxh3-128 of the bytes, 16 bytes."""
    return xxhash.xxh3_128_digest(data)


class Hasher:
    """xxh3-128 of bytes that come in pieces."""

    def __init__(self) -> None:
        self._state = xxhash.xxh3_128()

    def update(self, data: bytes) -> None:
        """Take a piece in."""
        self._state.update(data)

    def digest(self) -> bytes:
        """The hash of all pieces, 16 bytes."""
        return self._state.digest()


def _reason(error: BaseException) -> str:
    """The parser's words without any of the text it was parsing."""
    text = str(error) if isinstance(error, msgspec.DecodeError) else type(error).__name__
    return text.split(" - at")[0][:120]
