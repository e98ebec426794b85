"""SPDY frames: written, read, refused."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bugbundle.replay.stream import spdy
from bugbundle.replay.stream.dictionary import DICTIONARY


def read(*chunks: bytes) -> list[spdy.Frame]:
    decoder = spdy.Decoder()
    return [frame for chunk in chunks for frame in decoder.feed(chunk)]


def control(kind: int, body: bytes, version: int = 3) -> bytes:
    return struct.pack(">II", 1 << 31 | version << 16 | kind, len(body)) + body


def test_the_dictionary_is_that_of_the_protocol() -> None:
    assert zlib.adler32(DICTIONARY) == 0xE3C6A7C2


def test_what_is_written_is_read_in_any_pieces() -> None:
    encoder = spdy.Encoder()
    sent = (
        encoder.syn_stream(1, {"streamType": "error", "port": "15000"})
        + encoder.syn_stream(3, {"streamType": "data", "requestID": "0"}, spdy.FIN)
        + encoder.syn_reply(3)
        + spdy.data(3, b"hello")
        + spdy.data(3, b"", fin=True)
        + spdy.ping(7)
        + spdy.rst_stream(5, spdy.CANCEL)
        + spdy.goaway(3)
    )
    want = [
        (spdy.SYN_STREAM, 1, {"streamtype": "error", "port": "15000"}, False),
        (spdy.SYN_STREAM, 3, {"streamtype": "data", "requestid": "0"}, True),
        (spdy.SYN_REPLY, 3, {}, False),
        (0, 3, {}, False),
        (0, 3, {}, True),
        (spdy.PING, 7, {}, False),
        (spdy.RST_STREAM, 5, {}, False),
        (spdy.GOAWAY, 3, {}, False),
    ]
    for pieces in ([sent], [bytes([byte]) for byte in sent]):
        frames = read(*pieces)
        assert [(frame.kind, frame.stream, frame.headers, frame.fin) for frame in frames] == want
        assert frames[3].body == b"hello"


def test_unknown_control_frames_are_passed_over() -> None:
    assert [frame.kind for frame in read(control(10, b"x" * 20) + spdy.ping(1))] == [spdy.PING]


def header_frame(plain: bytes) -> bytes:
    deflate = zlib.compressobj(zdict=DICTIONARY)
    block = deflate.compress(plain) + deflate.flush(zlib.Z_SYNC_FLUSH)
    return control(spdy.SYN_STREAM, struct.pack(">IIH", 1, 0, 0) + block)


@pytest.mark.parametrize(
    "hostile",
    [
        header_frame(b"\0" * (spdy.MAX_HEADERS + 1)),
        header_frame(struct.pack(">I", 1) + struct.pack(">I", 1) + b"a" + struct.pack(">I", 5 << 20) + b"b"),
        header_frame(struct.pack(">I", spdy.MAX_PAIRS + 1)),
        header_frame(struct.pack(">I", 2**32 - 1)),
        header_frame(b""),
        control(spdy.SYN_STREAM, struct.pack(">IIH", 1, 0, 0) + b"not zlib"),
        control(spdy.SYN_STREAM, b"short"),
        control(spdy.PING, b"\0\0\0\1", version=2),
        struct.pack(">II", 1, spdy.MAX_DATA + 1),
        struct.pack(">II", 1 << 31 | 3 << 16 | spdy.SETTINGS, spdy.MAX_CONTROL + 1),
    ],
    ids=["bomb", "long value", "many", "count", "empty", "no zlib", "short", "version", "data size", "control size"],
)
def test_what_is_over_a_limit_ends_the_connection(hostile: bytes) -> None:
    with pytest.raises(spdy.SpdyError):
        read(hostile)


valid = st.sampled_from(
    [spdy.ping(1), spdy.data(1, b"x"), spdy.Encoder().syn_stream(1, {"a": "b"}), control(4, b"\0" * 4)]
)


@settings(max_examples=300, deadline=None)
@given(chunks=st.lists(st.binary(max_size=40) | valid, max_size=6))
def test_any_bytes_are_frames_or_an_error(chunks: list[bytes]) -> None:
    try:
        read(*chunks)
    except spdy.SpdyError as error:
        assert str(error)
