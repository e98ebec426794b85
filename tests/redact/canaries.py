"""Canaries: made-up secrets of many kinds in many carriers, seeded, and what became of them.

`python tests/redact/canaries.py [SEED]` prints the score by kind. A kind is a text with `@` where the secret stands; a
carrier puts a text into an entry of a bundle. Beside each text stand harmless lines, which must stay.
"""

# ruff: noqa: E501  (one form a line)

from __future__ import annotations

import base64
import gzip
import json
import random
import string
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import yaml

from bugbundle.redact.gate import Gate, Leak

sys.path.insert(0, str(Path(__file__).parent))
from canary_kinds import EXPECTED, FORMATS, PROMISED

BEFORE, AFTER = "upstream kept-before.shop.svc answered", "route kept-after.shop.svc matched"
HARMLESS = (b"kept-before.shop.svc", b"kept-after.shop.svc")


class Canary(NamedTuple):
    """One planted secret: what may not be left of it, and the entries of its recording."""

    kind: str
    carrier: str
    promised: bool
    secret: str
    path: str
    body: bytes
    learn: bytes = b""


class Fate(NamedTuple):
    """What became of a canary."""

    left: bool
    lost: bool
    harmed: bool


def strong(rng: random.Random) -> str:
    """Letters and digits, as tools make passwords."""
    return rng.choice("ZKQ") + "q7" + "".join(rng.choices(string.ascii_letters + string.digits, k=rng.randint(12, 20)))


def spelled(rng: random.Random) -> str:
    """Only small letters: a password that people say."""
    return "".join(rng.choice("bdfgklmnprst") + rng.choice("aeiou") for _ in range(rng.randint(6, 8)))


def odd(rng: random.Random) -> str:
    """With characters that formats escape."""
    return f"{strong(rng)[:8]}{rng.choice('!*^~')}{strong(rng)[3:9]}{rng.choice('+/.=')}x"


MAKERS = {"@": (strong, spelled, odd), "#": (strong,)}
"""`@` takes any secret, `#` one of letters and digits alone."""


def go(value: Any) -> str:
    """JSON as the API server writes it."""
    return json.dumps(value).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _log(line: str) -> Callable[[str], str]:
    return lambda text: "\n".join(line.replace("%", part) for part in f"{BEFORE}\n{text}\n{AFTER}".split("\n")) + "\n"


def _framed(text: str) -> str:
    return f"# {BEFORE}\n{text}\n# {AFTER}\n"


def _config_map(text: str, name: str = "app.conf") -> dict[str, Any]:
    return {"kind": "ConfigMap", "metadata": {"name": "c", "namespace": "shop"}, "data": {name: _framed(text)}}


def _applied(text: str) -> dict[str, Any]:
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": go(_config_map(text)) + "\n"}
    return {"items": [{"metadata": {"name": "c", "annotations": annotations}, "data": {"x": "y"}}]}


def _pod(**container: Any) -> dict[str, Any]:
    return {"kind": "PodList", "items": [{"metadata": {"name": "p"}, "spec": {"containers": [container]}}]}


def _lua(text: str) -> dict[str, Any]:
    return {"configs": [{"name": "envoy.filters.http.lua", "inline_code": _framed(text)}]}


CARRIERS: dict[str, tuple[str, Callable[[str], str]]] = {
    "log": ("logs/shop/p/app.log", lambda text: f"{BEFORE}\n{text}\n{AFTER}\n"),
    "log-istio": ("logs/shop/p/istio-proxy.log", _log("2026-11-21T01:28:00.123456Z\tdebug\tenvoy http external/x.cc:83\t%")),
    "log-klog": ("logs/shop/p/c.log", _log("I1121 01:28:00.123456       1 main.go:42] %")),
    "log-json": ("logs/shop/p/c.log", lambda text: go({"level": "info", "msg": f"{BEFORE}\n{text}\n{AFTER}"}) + "\n"),
    "log-logfmt": ("logs/shop/p/c.log", lambda text: f"level=info msg={json.dumps(f'{BEFORE} {text} {AFTER}')} user=bob\n"),
    "log-python": ("logs/shop/p/c.log", lambda text: f"INFO:root:got {(BEFORE + chr(10) + text + chr(10) + AFTER).encode()!r}\n"),
    "configmap": ("k8s/api/v1/configmaps.json", lambda text: go({"items": [_config_map(text)]})),
    "configmap-pretty": ("k8s/api/v1/configmaps.json", lambda text: json.dumps({"items": [_config_map(text)]}, indent=2)),
    "configmap-yaml": ("k8s/api/v1/configmaps.json", lambda text: go({"items": [_config_map(yaml.safe_dump({"conf": _framed(text), "n": 1}))]})),
    "applied": ("k8s/api/v1/configmaps.json", lambda text: go(_applied(text))),
    "twice": ("istiod/istio-system/i/debug/krtz.json", lambda text: json.dumps({"a": json.dumps(_applied(text))}, indent=2)),
    "event": ("k8s/api/v1/events.json", lambda text: go({"items": [{"reason": "Failed", "message": f"{BEFORE}: {text}\n{AFTER}", "type": "Warning"}]})),
    "shell": ("k8s/api/v1/pods.json", lambda text: go(_pod(name="c", command=["sh", "-c", f"set -e # {BEFORE}\n{text}\necho {AFTER}"]))),
    "env": ("k8s/api/v1/pods.json", lambda text: go(_pod(name="c", env=[{"name": "SETTINGS", "value": _framed(text)}]))),
    "lua": ("proxies/shop/p/config_dump.json", lambda text: json.dumps(_lua(text), indent=1)),
    "debug-page": ("istiod/istio-system/i/debug/configz.json", lambda text: json.dumps([{"spec": {"note": _framed(text)}}], indent=2)),
}  # fmt: skip


BY_LINE = ("log-istio", "log-klog", "log-logfmt")
"""Carriers that put something before each line: what needs several lines is no secret of any format there."""


def canaries(seed: int, kinds: dict[str, tuple[str, ...]] | None = None) -> Iterator[Canary]:
    """Every kind in every carrier."""
    rng = random.Random(seed)
    for promised, rows in ((True, PROMISED), (False, EXPECTED)):
        for kind, texts in (kinds or rows).items():
            for carrier, (path, wrap) in CARRIERS.items():
                fitting = [text for text in texts if "\n" not in text or carrier not in BY_LINE or kind == "pem"]
                if not fitting:
                    continue
                text = rng.choice(fitting)
                mark = "#" if "#" in text else "@"
                secret = rng.choice(MAKERS[mark])(rng)
                body = wrap(text.replace(mark, secret))
                yield Canary(kind, carrier, promised, secret, path, body.encode())
        if kinds:
            return
    yield from _of_formats(rng)
    yield from _copies(rng)


def _of_formats(rng: random.Random) -> Iterator[Canary]:
    """Tokens of well-known services, anywhere in a text."""
    for kind, (make, secret_part) in FORMATS.items():
        for carrier in rng.sample(sorted(CARRIERS), 4):
            path, wrap = CARRIERS[carrier]
            token = make(rng)
            text = rng.choice(("%", "using % now", "- %", "x = '%'", "cred(%)")).replace("%", token)
            yield Canary(f"format {kind}", carrier, False, secret_part(token), path, wrap(text).encode())


def _copies(rng: random.Random) -> Iterator[Canary]:
    """Copies of a Secret's value, under no name that tells."""
    values = {
        "hex": lambda: rng.randbytes(16).hex(),
        "uuid": lambda: "-".join(rng.randbytes(n).hex() for n in (4, 2, 2, 2, 6)),
        "strong": lambda: strong(rng),
        "odd": lambda: odd(rng),
    }
    forms: dict[str, Callable[[str], str]] = {
        "plain": lambda value: value,
        "base64": lambda value: base64.b64encode(value.encode()).decode(),
        "base64 inside": lambda value: base64.b64encode(f'{{"user":"bob","x":"{value}"}}'.encode()).decode(),
        "twice": lambda value: base64.b64encode(base64.b64encode(value.encode())).decode(),
        "url": lambda value: f"http://x/?q={quote(value, safe='')}&z=1",
        "hex": lambda value: value.encode().hex(),
        "gzip": lambda value: base64.b64encode(gzip.compress(f"a {value} b".encode())).decode(),
    }
    for name, make in values.items():
        for form, write in forms.items():
            for carrier in rng.sample(sorted(CARRIERS), 3):
                path, wrap = CARRIERS[carrier]
                value = make()
                item = {
                    "metadata": {"name": "s"},
                    "type": "Opaque",
                    "data": {"v": base64.b64encode(value.encode()).decode()},
                }
                body = wrap(f"uses {write(value)} here").encode()
                yield Canary(
                    f"copy {name} {form}", carrier, True, value, path, body, json.dumps({"items": [item]}).encode()
                )


def fate(canary: Canary) -> Fate:
    """Through the gate, as `convert` does it."""
    gate = Gate()
    if canary.learn:
        gate.learn("k8s/api/v1/secrets.json", canary.learn)
    try:
        left = gate.redact(canary.path, canary.body).body
    except Leak:
        return Fate(left=False, lost=True, harmed=True)
    present = any(spelling in left for spelling in spellings(canary)) and bool(left)
    return Fate(left=present, lost=False, harmed=any(word not in left for word in HARMLESS))


def spellings(canary: Canary) -> set[bytes]:
    """The secret as it may stand in bytes: as it is, in JSON, in base64 and hex, in a URL, and packed."""
    value = canary.secret.encode()
    found = {value, json.dumps(canary.secret)[1:-1].encode(), quote(value, safe="").encode(), value.hex().encode()}
    for raw in (value, base64.b64encode(value)):
        found.add(base64.b64encode(raw).rstrip(b"=")[:-1])
    if "gzip" in canary.kind or "inside" in canary.kind:
        found |= {part for part in canary.body.replace(b'"', b" ").split() if part.startswith((b"H4sI", b"eyJ1c2Vy"))}
    return found


def main() -> None:
    """Print the score."""
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    total: Counter[bool] = Counter()
    bad: Counter[tuple[bool, str]] = Counter()
    lost = harmed = 0
    for canary in canaries(seed):
        found = fate(canary)
        total[canary.promised] += 1
        bad[canary.promised, canary.kind] += found.left or found.lost
        lost += found.lost
        harmed += found.harmed and not found.lost
        if (found.left or found.harmed) and "-v" in sys.argv:
            print(canary.kind, "|", canary.carrier, "|", canary.secret, "|", found, "|", canary.body[:400])
    for (promised, kind), number in sorted(bad.items()):
        if number:
            print(f"{'promised' if promised else 'expected'}  {number:3}  {kind}")
    for promised, word in ((True, "promised"), (False, "expected")):
        print(word, sum(n for (p, _), n in bad.items() if p is promised), "of", total[promised])
    print("entries lost", lost, "harmless neighbours hurt", harmed)


if __name__ == "__main__":
    main()
