"""Passwords on the command lines of well-known clients, where only the client's name tells what an option means:
`curl -u user:password`, `mysql -pPASSWORD`, `redis-cli -a PASSWORD`.

In a shell's words, in an array of arguments, in the lines of a YAML list. Options that say by their own name what they
are (`--password`, `--token`) need no client: see `named`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bugbundle.redact.names import harmless
from bugbundle.redact.standin import Cut
from bugbundle.redact.values import WORD_VALUE, quoted_end

LITERALS = (
    b"curl", b"mysql", b"mariadb", b"sshpass", b"-cli", b"mongo", b"docker", b"podman", b"nerdctl", b"helm",
    b"ldap", b"cqlsh", b"rabbitmqadmin", b"mosquitto_",
)  # fmt: skip
_CLIENT = re.compile(
    rb"(?:(?P<user>curl)"
    rb"|(?P<attached>mysql(?:dump|admin|import|check|show|sh)?|mariadb(?:-dump|-admin|-backup)?)"
    rb"|(?P<p>sshpass|mongo(?:sh|dump|restore|export|import|stat|top)?|cqlsh|rabbitmqadmin)"
    rb"|(?P<a>(?:redis|valkey|keydb)-cli)"
    rb"|(?P<login>docker|podman|nerdctl|helm)"
    rb"|(?P<w>ldap(?:search|add|modify|delete|whoami|passwd|compare))"
    rb"|(?P<P>mosquitto_(?:pub|sub|rr)))(?=[\s\"']|\\++[n\"'])"
)
_STARTS = b" \t\r\n\"'/(;|&`"
_WORD = b"abcdefghijklmnopqrstuvwxyz0123456789_.-"
_GAP = (
    rb"(?:[ \t]{1,8}+|\\*+[\"']\s{0,400}+,\s{0,400}+(?=\\*+[\"'])|(?:\\*+[\"'])?(?:\r?\n|\\++n)[ ]{0,200}+- )"
    rb"(?P<open>\\*+[\"'])?"
)
_USER = re.compile(
    rb"(?<=[\s\"'])(?:(?:-u|-U|--user|--proxy-user)" + _GAP + rb"|(?:--user=|--proxy-user=|-[uU])(?P<opened>\\*+')?)"
    rb"(?P<name>[^\s:\"'\\]{1,200}+):"
)
_OPTIONS = {
    "user": _USER,
    "attached": re.compile(rb"(?<=[\s\"'])-p(?P<open>\\*+')?(?=[^\s\"'\\,])"),
    "p": re.compile(rb"(?<=[\s\"'])-p(?:" + _GAP + rb"(?!-)|(?=[^\s\"'\\,]))"),
    "a": re.compile(rb"(?<=[\s\"'])-a" + _GAP + rb"(?!-)"),
    "login": re.compile(rb"(?<=[\s\"'])-p" + _GAP + rb"(?!-)"),
    "w": re.compile(rb"(?<=[\s\"'])-w(?:" + _GAP + rb"(?!-)|(?=[^\s\"'\\,]))"),
    "P": re.compile(rb"(?<=[\s\"'])-P" + _GAP + rb"(?!-)"),
}
_END = re.compile(rb"[;|{}]|&&|(?:\\u0026){2}|(?<!\\)\\++n(?![ ]*+(?:-|\\))|\n(?![ \t]*+[\"'\]\r\n-])")
_FARTHEST = 1500
_ARGUMENTS_FIRST = re.compile(rb"args[\"'\\]{0,9}+:[^{}]*?command[\"'\\]{0,9}+:[^{}]{0,60}+")


def clients(data: bytes) -> Iterator[re.Match[bytes]]:
    """Where one of the clients is called: not where a container or an image has its name."""
    for literal in LITERALS:
        place = data.find(literal)
        while place >= 0:
            head = data[max(0, place - 16) : place]
            found = _CLIENT.match(data, place - len(head) + len(head.rstrip(_WORD)))
            if found and not _is_value(data, found):
                yield found
            place = data.find(literal, place + len(literal))


def _is_value(data: bytes, client: re.Match[bytes]) -> bool:
    """`"name": "curl"` and the like: the string that ends behind the client's name is the value of a name."""
    before = data[max(0, client.start() - 12) : client.start()]
    if before[-1:] not in _STARTS and not before.endswith(b"\\n"):
        return True
    ends = data[client.end() : client.end() + 8].lstrip(b"\\")[:1] in (b'"', b"'")
    return ends and before.rstrip(b"\"'\\ ").endswith((b":", b"="))


def cuts(data: bytes) -> Iterator[Cut]:
    """The passwords among the arguments of each client."""
    done: dict[str, int] = {}
    for client in sorted(clients(data), key=lambda found: found.start()):
        kind = client.lastgroup or ""
        if client.start() < done.get(kind, 0):
            continue
        start = _first_argument(data, client, done.get(kind, 0))
        limit = min(len(data), client.end() + _FARTHEST)
        end = _END.search(data, client.end(), limit)
        done[kind] = end.start() if end else limit
        yield from _passwords(data, kind, start, done[kind])


def _first_argument(data: bytes, client: re.Match[bytes], least: int) -> int:
    """Where its arguments begin: behind it, but for `args` that stand before `command`, as in sorted JSON."""
    least = max(least, client.start() - _FARTHEST)
    place = data.rfind(b"args", least, client.start())
    if place >= 0 and _ARGUMENTS_FIRST.fullmatch(data, place, client.start()):
        return place
    return client.end()


def _passwords(data: bytes, kind: str, start: int, end: int) -> Iterator[Cut]:
    if kind == "login" and b"login" not in data[start:end]:
        return
    for found in _OPTIONS[kind].finditer(data, start, end):
        groups = found.groupdict()
        opened = groups.get("open") or groups.get("opened")
        if opened:
            stop = quoted_end(data, found.end(), opened)
        else:
            word = WORD_VALUE.match(data, found.end())
            stop = word.end() if word else found.end()
        if stop > found.end() and not harmless(data[found.end() : stop]):
            yield Cut(found.end(), stop, "password")
