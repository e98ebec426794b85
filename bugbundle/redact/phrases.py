"""Secrets that a phrase gives away: SQL, netrc, nginx, redis, HCL and their kin, code, and people's sentences.

Each phrase is a pattern for text in lower case that is tried where one of its literals stands: at the literal, or on the
part of the line before it. So a text without the literals costs nothing. All patterns are possessive or bounded.
"""

# ruff: noqa: E501  (one form a line)

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from bugbundle.redact.names import harmless, is_odd_word, looks_random, looks_secret, secret_kind
from bugbundle.redact.standin import Cut

_VALUE = rb"(?P<value>[^\s\"'\\;,)\]}<>]{1,512}+)"
_QUOTE = rb"\\*+[\"'`]"
_QUOTED = _QUOTE + rb"(?P<value>[^\"'`\\\r\n]{1,512}+)" + _QUOTE
_EITHER = rb"(?:" + _QUOTE + rb")?+(?P<value>[^\s\"'`\\;,)\]}<>]{1,512}+)"
_SECRET_WORD = rb"(?:pass(?:word|phrase|wd|code)|token|secret|api[ _-]?key|credentials?)"
SAID = "said"
"""The kind of what a sentence gives away, where nothing better is known."""


class Phrase(NamedTuple):
    """A pattern for lower-case text: what stands where it is tried, and what its `value` is."""

    literals: tuple[bytes, ...]
    pattern: re.Pattern[bytes]
    kind: str
    counts: Callable[[bytes, re.Match[bytes]], bool]
    """Whether a value (as it is written) counts, given the match in lower case."""
    before: int
    """How many bytes before the literal, of its line, the pattern may begin; 0 is at the literal."""


def _any(value: bytes, found: re.Match[bytes]) -> bool:
    return not harmless(value)


def _odd(value: bytes, found: re.Match[bytes]) -> bool:
    return not harmless(value) and (looks_secret(value) or is_odd_word(value))


def _looks(value: bytes, found: re.Match[bytes]) -> bool:
    return not harmless(value) and looks_secret(value)


def _said(value: bytes, found: re.Match[bytes]) -> bool:
    """In a sentence names stand beside these words: only what no name looks like counts."""
    bare = value.rstrip(b".:!?")
    last = (
        found.end("value") == len(found.string) or found.string[found.end("value") : found.end("value") + 1] in b"\r\n"
    )
    word = last and found["what"].startswith(b"pass") and is_odd_word(bare)
    return not harmless(bare) and (looks_random(bare) or word)


def _under_name(value: bytes, found: re.Match[bytes]) -> bool:
    kind = secret_kind(found["name"].lstrip(b"$-"))
    return (
        kind is not None
        and kind != "signature"
        and (_looks(value, found) or (kind == "password" and is_odd_word(value)))
    )


def _directive(value: bytes, found: re.Match[bytes]) -> bool:
    """`NAME VALUE` alone on a line: sure behind a word that sets something."""
    if secret_kind(found["name"]) is None or harmless(value):
        return False
    return looks_secret(value) or (bool(found["set"]) and len(value) > 5)


def _setter(value: bytes, found: re.Match[bytes]) -> bool:
    name = found["name"]
    sure = name.startswith((b"set", b"with"))
    kind = secret_kind(re.sub(rb"^(?:set|with|add|use)_?", b"", name))
    return kind is not None and not harmless(value) and (looks_secret(value) or (sure and is_odd_word(value)))


def _phrase(
    literals: str, pattern: bytes, counts: Callable[..., bool], kind: str = "password", before: int = 0
) -> Phrase:
    words = tuple(literals.encode().split(b"|"))
    return Phrase(words, re.compile(pattern, re.MULTILINE), kind, counts, before)


PHRASES = (
    _phrase("identified ", rb"identified\s{1,4}(?:with\s{1,4}[\w'\"]{1,60}+\s{1,4})?(?:by|as)\s{1,4}(?:password\s{1,4})?" + _QUOTED, _any),
    _phrase("password", rb"password(?:\s{0,4}=)?\s{0,4}\(?\s{0,4}'(?P<value>[^'\\\r\n]{1,512}+)'", _odd),
    _phrase("login ", rb"login\s{1,40}+[^\s:]{1,200}+\s{1,40}+password\s{1,40}+" + _VALUE, _any),
    _phrase("requirepass|masterauth|bindpw|rootpw|rocommunity|rwcommunity|setcookie",
            rb"[a-z]{6,12}+(?:" + _QUOTE + rb",?)?[ \t]{1,40}+" + _EITHER, _any),
    _phrase("pass|token|secret|key|auth|cookie|pw",
            rb"[ \t]{0,40}+(?P<set>(?:proxy_set_header|fastcgi_param|grpc_set_header|setenv|export|define|setx?|env|arg)[ \t]{1,8}+)?"
            rb"(?P<name>[a-z][\w.-]{2,80}+)[ \t]{1,40}+(?:\"(?P<quoted>[^\"\r\n]{4,512}+)\"|'?(?P<value>[^\s\"';\\]{4,512}+)'?)[ \t]*+;?[ \t]*+\r?$", _directive, before=-1),
    _phrase(" on >| on #", rb" on [>#]" + _VALUE + rb"(?=\s[~+&a%])", _any),
    _phrase("@tcp(|@udp(|@unix(|@(", rb"(?<![\w:/])[\w.-]{1,64}+:(?P<value>[^\s\"'/@:]{1,256}+)@(?:tcp|udp|unix)?\(", _any, "url-password", before=330),
    _phrase(":5432:|:*:|:6432:|:5433:", rb"(?<![^\s\"])[\w.*-]{1,253}+:(?:5432|5433|6432|\*):[\w*.-]{1,64}+:[\w*.-]{1,64}+:(?P<value>[^\s:\"'\\]{3,256}+)", _any, before=254),
    _phrase("variable ", rb"variable\s{1,4}[\"'](?P<name>[\w-]{1,80}+)[\"']\s{0,4}\{[^{}]{0,400}?default\s{0,8}=\s{0,8}" + _QUOTED, _under_name),
    _phrase("auth plain |auth login |auth cram|auth xoauth", rb"auth (?:plain|login|cram-md5|xoauth2) (?P<value>[a-z0-9+/=]{8,512}+)", _any),
    _phrase("!=|==", rb"(?P<name>[$\w.-]{3,80}+)[\"']?\]?\)?\s{0,4}(?:!==?|={2,3})\s{0,4}" + _QUOTED, _under_name, before=90),
    _phrase("basicauth(|basic_auth(|login(|authenticate(|connect(|credentials(|authorization(",
            rb"[a-z_]{5,14}\(\s{0,4}" + _QUOTE + rb"[^\"'\\\r\n]{1,80}+" + _QUOTE + rb"\s{0,4},\s{0,4}" + _QUOTED, _looks),
    _phrase("password(|passwd(|secret(|token(|key(|passphrase(|credential(",
            rb"(?P<name>[a-z_]{0,40}(?:password|passwd|passphrase|secret|token|key|credential))\(\s{0,4}" + _QUOTED + rb"\s{0,4}\)", _setter, before=40),
    _phrase("password for |passphrase for |password of ", rb"pass(?:word|phrase) (?:for|of) [^:\r\n]{1,80}+:[ \t]{1,8}+" + _VALUE, _odd),
    _phrase(".sid=", rb"\.sid=(?P<value>[^\s\"'\\;,&]{8,512}+)", _looks, "session"),
    _phrase("_auth=|_auth =", rb"_auth[ ]?=[ ]?" + _EITHER, _looks, "auth"),
    _phrase("pass|token|secret|credential|api",
            rb"(?P<what>" + _SECRET_WORD + rb")(?:[ ](?:for|of)(?:[ ](?:the|user|account|host))?[ ][\w.@'\"-]{1,80}+)?"
            rb"(?::[ ]|[ ]is[ ]|[ ]was[ ]|[ ]set[ ]to[ ]|[ ]=[ ]|[ ])(?:\\*[\"'`])?(?P<value>[^\s\"'`\\;,)(\]}<>=]{8,512}+)", _said, SAID),
)  # fmt: skip

_MOST_BEFORE = 130
"""Bytes of a line before a literal of a directive: what it sets and its name."""


def cuts(text: bytes, folded: bytes) -> Iterator[Cut]:
    """The values that a phrase gives away; `folded` is the text in lower case."""
    for phrase in PHRASES:
        for literal in phrase.literals:
            place = folded.find(literal)
            while place >= 0:
                found = _try(folded, place, phrase)
                if found:
                    start, end = found.span("value" if found["value"] is not None else "quoted")
                    if phrase.counts(text[start:end], found):
                        yield Cut(start, end, phrase.kind)
                place = folded.find(literal, max(place + len(literal), found.end() if found and phrase.before else 0))


def _try(folded: bytes, place: int, phrase: Phrase) -> re.Match[bytes] | None:
    if not phrase.before:
        return phrase.pattern.match(folded, place)
    if phrase.before > 0:
        start = max(folded.rfind(b"\n", 0, place) + 1, place - phrase.before)
        return phrase.pattern.search(folded, start, place + 1024)
    start = folded.rfind(b"\n", max(0, place - _MOST_BEFORE), place) + 1
    return phrase.pattern.match(folded, start) if start or place < _MOST_BEFORE else None
