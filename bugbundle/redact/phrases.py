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
_SECRET_WORD = rb"(?:pass(?:word|phrase|wd|code)|token|secret|(?:api|hmac|signing|encryption|access|private|master)[ _-]?key|credentials?)"
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


def _said_in_url(value: bytes, found: re.Match[bytes]) -> bool:
    return not harmless(value) and looks_random(value)


def _inserted(value: bytes, found: re.Match[bytes]) -> bool:
    return b"pass" in found["name"] and _looks(value, found)


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
    _phrase("password", rb"password(?:\s{0,4}=)?\s{0,4}\(?\s{0,4}n?'(?P<value>[^'\\\r\n]{1,512}+)'", _odd),
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
    _phrase("bearer.", rb"bearer\.(?:authorization\.k8s\.io\.)?(?P<value>[\w.~+/=-]{12,8192}+)", _looks, "authorization"),
    _phrase("pass:", rb"(?<![\w-])pass:" + _VALUE, _looks, before=2),
    _phrase("openssl ", rb"openssl\s(?:passwd\s(?:-\w{1,8}\s){0,3}|[^\r\n|;]{0,200}?\s-k\s)" + _EITHER, _looks),
    _phrase("addauth digest ", rb"addauth digest [^\s:]{1,100}+:" + _VALUE, _any),
    _phrase("htpasswd ", rb"htpasswd\s-[a-z]{0,6}b[a-z]{0,6}\s{1,4}(?:-\w{1,4}\s{1,4}){0,3}\S{1,200}+\s{1,4}\S{1,200}+\s{1,4}" + _EITHER, _any),
    _phrase("--user|creds|--auth|-a ", rb"(?:--user|--proxy-user|--auth|(?:--(?:src|dest)-)?creds|-a)[ =](?:\\*[\"'])?[a-z][^\s:\"'/]{0,100}+:(?!//)" + _VALUE, _looks, before=7),
    _phrase("add_user |change_password ", rb"(?:add_user|change_password)\s{1,4}\S{1,200}+\s{1,4}" + _EITHER, _any),
    _phrase("mc alias set |mc config host add ", rb"mc (?:alias set|config host add)\s{1,4}\S{1,100}+\s{1,4}\S{1,400}+\s{1,4}\S{1,200}+\s{1,4}" + _EITHER, _any),
    _phrase("password-stdin", rb"(?:echo|printf)\s{1,4}(?:-n\s{1,4}|[\"']?%s[\"']?\s{1,4})?" + _EITHER + rb"\s{0,4}\|", _any, before=300),
    _phrase("-b |--cookie ", rb"(?:-b|--cookie) (?:\\*[\"'])?[\w.-]{1,80}+=" + _VALUE, _looks, "cookie"),
    _phrase("key=\"|name=\"|key=\\\"|name=\\\"", rb"(?:key|name)=\\*\"(?P<name>[\w.-]{1,100}+)\\*\">(?P<value>[^<>\r\n]{1,512}+)<", _under_name),
    _phrase("<![cdata[", rb"<(?P<name>[\w.-]{1,100}+)>\s{0,40}<!\[cdata\[(?P<value>[^\]\r\n]{1,512}+)\]", _under_name, before=140),
    _phrase("cookies", rb"cookies[\"']?[=:]\s{0,4}\{\s{0,4}[\"'][\w.-]{1,80}+[\"']:\s{0,4}" + _QUOTED, _said_in_url, "cookie"),
    _phrase("pass=", rb"(?<![\w-])pass=" + _EITHER, _looks, before=2),
    _phrase(":(string)", rb"(?P<name>[\w.]{1,80}+):\s{0,4}\(string\) \(len=[0-9]{1,6}\) " + _QUOTED, _under_name, before=90),
    _phrase("some(|secret(", rb"(?P<name>[\w.]{1,80}+): (?:some|secret)\(\\*\"(?P<value>[^\"\\\r\n]{1,512}+)\\*\"", _under_name, before=90),
    _phrase("[value=|{value=|(value=", rb"(?P<name>[\w.]{1,80}+)[\[({]value=" + _EITHER, _under_name, before=90),
    _phrase("?key=|&key=|?code=|&code=|?auth=|&auth=", rb"[?&](?:key|code|auth)=" + _VALUE, _said_in_url, "token"),
    _phrase("insert into ", rb"insert into [^()\r\n]{1,200}\((?P<name>[^()]{1,1000}+)\)\s{0,4}values?\s{0,4}\((?:[^()]{0,2000}?,\s{0,4})??" + _QUOTED + rb"\s{0,4}[,)]", _inserted),
    _phrase(".sid=", rb"\.sid=(?P<value>[^\s\"'\\;,&]{8,512}+)", _looks, "session"),
    _phrase("_auth=|_auth =", rb"_auth[ ]?=[ ]?" + _EITHER, _looks, "auth"),
    _phrase("pass|token|secret|credential|api|hmac|signing|encryption|access|private|master",
            rb"(?P<what>" + _SECRET_WORD + rb")(?:[ ](?:for|of)(?:[ ](?:the|user|account|host))?[ ][\w.@'\"-]{1,80}+)?"
            rb"(?::[ ]|[ ]is[ ]|[ ]was[ ]|[ ]set[ ]to[ ]|[ ]=[ ]|[ ])(?:\\*[\"'`]|[\[(])?(?P<value>[^\s\"'`\\;,)(\]}<>=]{8,512}+)", _said, SAID),
)  # fmt: skip

_GATES = (
    b"pass",
    b"token",
    b"secret",
    b"key",
    b"auth",
    b"cookie",
    b"cred",
    b"private",
    b"(",
    b"=",
    b" -",
    b"--",
    b"<!",
    b"value=",
    b"==",
    b"hmac",
    b"sign",
)
"""Short texts that many literals hold: where one is not there, none of its literals is."""


def _gate(literal: bytes) -> bytes:
    return next((gate for gate in _GATES if gate in literal), b"")


_TRIED = tuple((phrase, literal, _gate(literal)) for phrase in PHRASES for literal in phrase.literals)

_MOST_BEFORE = 130
"""Bytes of a line before a literal of a directive: what it sets and its name."""


def cuts(text: bytes, folded: bytes) -> Iterator[Cut]:
    """The values that a phrase gives away; `folded` is the text in lower case."""
    absent = {gate for gate in _GATES if gate not in folded}
    for phrase, literal, gate in _TRIED:
        if gate not in absent:
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
    least = max(0, place - _MOST_BEFORE)
    start = max(folded.rfind(b"\n", least, place), folded.rfind(b"\t", least, place)) + 1
    return phrase.pattern.match(folded, start) if start or place < _MOST_BEFORE else None
