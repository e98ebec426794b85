"""What a command run inside a pod would print, for the few commands that only ask a recorded server."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from posixpath import basename
from urllib.parse import urlsplit

from bugbundle.replay.pages import Page, Pages, refusal
from bugbundle.replay.pages.layout import ADMIN, DEBUG

CANNOT_RUN, NOT_FOUND = 126, 127
_HOSTS = ("localhost", "127.0.0.1", "[::1]", "0.0.0.0")
_WITH_VALUE = ("-H", "-m", "-A", "-e", "-w", "--max-time", "--connect-timeout", "--header", "--retry")
_LONG = {"--fail": "f", "--include": "i", "--head": "I"}
_SHELL = re.compile(r"[|&;<>$`(){}\n*?\[\]~#!]")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command wrote and how it ended."""

    stdout: bytes = b""
    stderr: bytes = b""
    code: int = 0


@dataclass(frozen=True, slots=True)
class Pod:
    """The pod in which a command is run."""

    pages: Pages
    namespace: str
    name: str

    def ask(self, port: int, method: str, target: str) -> Page | None:
        """The page, or None where nothing listens."""
        if port not in self.pages.ports(self.namespace, self.name):
            return None
        return self.pages.answer(self.namespace, self.name, port, method, target)


def run(pages: Pages, namespace: str, name: str, argv: list[str]) -> Outcome:
    """The outcome of `kubectl exec NAME -- ARGV`; what is not known ends with 126 or 127 and a sentence."""
    pod = Pod(pages, namespace, name)
    if not argv:
        return _refuse(pod, CANNOT_RUN)
    argv = _unshell(argv)
    program = _PROGRAMS.get(basename(argv[0]))
    outcome = program(pod, argv[1:]) if program else None
    return outcome or _refuse(pod, CANNOT_RUN if program else NOT_FOUND)


def _refuse(pod: Pod, code: int) -> Outcome:
    text = (
        f"bugbundle: {pod.name}.{pod.namespace} is a recording, nothing runs in it; it can be asked "
        '"pilot-agent request GET PATH", "pilot-discovery request GET PATH", "curl localhost:PORT/PATH" '
        'and "wget -qO- localhost:PORT/PATH" of its recorded pages.\n'
    )
    return Outcome(stderr=text.encode(), code=code)


def _unshell(argv: list[str]) -> list[str]:
    """`sh -c 'curl …'` is `curl …` where the shell has nothing to do."""
    if len(argv) == 3 and basename(argv[0]) in ("sh", "bash", "ash") and argv[1] in ("-c", "-lc"):
        if _SHELL.search(argv[2].replace("?", "")):
            return argv
        try:
            return shlex.split(argv[2]) or argv
        except ValueError:
            return argv
    return argv


def _agent(pod: Pod, arguments: list[str]) -> Outcome | None:
    return _request(pod, arguments, ADMIN)


def _discovery(pod: Pod, arguments: list[str]) -> Outcome | None:
    return _request(pod, arguments, DEBUG)


def _request(pod: Pod, arguments: list[str], port: int) -> Outcome | None:
    """`request METHOD PATH`; as istio's pilot/pkg/request prints it: a 404's body is output all the same."""
    words, chosen = [], str(port)
    rest = iter(arguments)
    for word in rest:
        if word.startswith("--debug-port"):
            chosen = word.partition("=")[2] or next(rest, "")
        else:
            words.append(word)
    if len(words) < 3 or words[0] != "request" or not (chosen.isascii() and chosen.isdigit()):
        return None
    page = pod.ask(int(chosen[:6]), words[1].upper(), "/" + words[2].lstrip("/"))
    if page is None:
        where = refusal(pod.pages, pod.namespace, pod.name, int(chosen[:6]))
        return Outcome(stderr=f"Error: connection refused: {where}\n".encode(), code=1)
    if not page.answered:
        return Outcome(stderr=b"Error: EOF: " + page.body, code=1)
    if page.status > 399 and page.status != 404:
        text = f"Error: received unsuccessful status code {page.status}: ".encode() + page.body
        return Outcome(stderr=text + b"\n", code=1)
    return Outcome(stdout=page.body + b"\n")


def _curl(pod: Pod, arguments: list[str]) -> Outcome | None:
    """curl with the flags that people use to look at a page."""
    flags, urls, method = "", [], "GET"
    rest = iter(arguments)
    for word in rest:
        if word in ("-X", "--request"):
            method = next(rest, "GET").upper()
        elif word in _WITH_VALUE:
            next(rest, None)
        elif word.startswith("--"):
            flags += _LONG.get(word, "")
        elif word.startswith("-"):
            flags += word[1:]
        else:
            urls.append(word)
    spot = _spot(urls[0]) if len(urls) == 1 and not set(flags) - set("sSfiIkLvg46") else None
    if spot is None:
        return None
    page = pod.ask(spot[0], "HEAD" if "I" in flags else method, spot[1])
    if page is None:
        where = refusal(pod.pages, pod.namespace, pod.name, spot[0])
        return Outcome(stderr=f"curl: (7) Failed to connect to port {spot[0]}: {where}\n".encode(), code=7)
    if not page.answered:
        return Outcome(stderr=b"curl: (52) Empty reply from server: " + page.body, code=52)
    if "f" in flags and page.status >= 400:
        return Outcome(stderr=f"curl: (22) The requested URL returned error: {page.status}\n".encode(), code=22)
    head = b"".join(_head(page)) if {"i", "I"} & set(flags) else b""
    return Outcome(stdout=head + (b"" if "I" in flags else page.body))


def _head(page: Page) -> Iterator[bytes]:
    yield f"HTTP/1.1 {page.status}\r\n".encode()
    for name, value in (*page.headers.items(), ("content-length", str(len(page.body)))):
        yield f"{name}: {value}\r\n".encode()
    yield b"\r\n"


def _wget(pod: Pod, arguments: list[str]) -> Outcome | None:
    """wget that writes to stdout."""
    words = [word for word in arguments if word not in ("-q", "-S", "-nv", "--quiet")]
    joined = " ".join(words[:-1])
    spot = _spot(words[-1]) if joined in ("-qO-", "-qO -", "-O-", "-O -", "-Oq-") else None
    if spot is None:
        return None
    page = pod.ask(spot[0], "GET", spot[1])
    if page is None:
        where = refusal(pod.pages, pod.namespace, pod.name, spot[0])
        return Outcome(stderr=f"wget: can't connect: {where}\n".encode(), code=1)
    if not page.answered:
        return Outcome(stderr=b"wget: error getting response: " + page.body, code=1)
    if page.status >= 400:
        return Outcome(stderr=f"wget: server returned error: HTTP/1.1 {page.status}\n".encode(), code=1)
    return Outcome(stdout=page.body)


def _spot(url: str) -> tuple[int, str] | None:
    """Port and target of a URL of the pod itself; None for any other."""
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = parts.port or 80
    except ValueError:
        return None
    if parts.scheme != "http" or not parts.netloc.startswith(_HOSTS):
        return None
    return port, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


_PROGRAMS: dict[str, Callable[[Pod, list[str]], Outcome | None]] = {
    "pilot-agent": _agent,
    "pilot-discovery": _discovery,
    "curl": _curl,
    "wget": _wget,
}
