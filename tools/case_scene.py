"""Entries of a sample, changed as a case says."""

from __future__ import annotations

import copy
import functools
import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any
from zlib import crc32

from case_places import as_istiod, merged, places, put_at

PLURALS = {
    "NetworkPolicy": "networkpolicies",
    "Ingress": "ingresses",
    "IngressClass": "ingressclasses",
    "Gateway": "gateways",
    "GatewayClass": "gatewayclasses",
    "ReferenceGrant": "referencegrants",
    "EndpointSlice": "endpointslices",
}
LINE = (
    '[{stamp}] "{first}" {code} {flags} {details} - "{failure}" 0 {bytes} {ms} {upstream_ms} "{forwarded}" "{agent}"'
    ' "6a0f9a52-0c34-9d4e-b1f4-0d7c2f6e1a11" "{authority}" "{upstream}" {cluster} {source} {destination} {client} {sni}'
    " {route}"
)
"""A line of Istio's default access log."""


class CaseError(ValueError):
    """A case that cannot be read or does not fit its sample."""


class Scene:
    """Entries that are being changed."""

    def __init__(self, entries: dict[str, bytes]) -> None:
        self.entries = entries
        started = json.loads(entries["bundle.json"])["started"]
        self.now = datetime.fromisoformat(started.replace("Z", "+00:00"))

    def apply(self, spec: dict[str, Any]) -> None:
        """Everything a case says, in the order of README.md."""
        for row in spec.get("clone") or ():
            self.clone(row["pod"], row["as"], row.get("replace") or {})
        for ref in spec.get("remove") or ():
            self._edit(ref, lambda _: None)
        for item in spec.get("objects") or ():
            self.put(item)
        for row in spec.get("patch") or ():
            self._edit(row["object"], functools.partial(merged, patch=row["with"]))
        for row in spec.get("dumps") or ():
            self.dumps(row)
        for row in spec.get("replace") or ():
            self.replace(row)
        for row in spec.get("requests") or ():
            self.log(row["at"], list(self.requests(row)))
        for row in spec.get("logs") or ():
            self.log(row["of"], list(self.lines(row)))
        for row in spec.get("events") or ():
            self.event(row)
        for row in spec.get("counters") or ():
            self.counters(row)
        for path, text in (spec.get("entries") or {}).items():
            self.entries[self._path(path)] = (text if isinstance(text, str) else json.dumps(text)).encode()
        for pattern in spec.get("gone") or ():
            for path in self.matching(pattern):
                del self.entries[path]

    def matching(self, pattern: str) -> list[str]:
        """The entries that a glob fits."""
        return [path for path in self.entries if fnmatchcase(path, pattern)]

    def _path(self, pattern: str) -> str:
        """The one entry that a glob fits, or the text itself."""
        found = self.matching(pattern)
        if "*" in pattern and len(found) != 1:
            raise CaseError(f"{pattern} fits {len(found)} entries")
        return found[0] if found else pattern

    # objects

    def _lists(self, kind: str, group: str | None = None) -> list[str]:
        plural = PLURALS.get(kind, _plural(kind))
        where = f"k8s/apis/{group}/*/{plural}.json" if group else f"k8s/*/{plural}.json"
        return self.matching("k8s/api/v1/" + plural + ".json") if group == "" else self.matching(where)

    def put(self, item: dict[str, Any]) -> None:
        """Add an object, or put it in the place of the one of its name, in every recorded version of its kind."""
        item = self._timed(item)
        group, _, version = item["apiVersion"].rpartition("/")
        paths = self._lists(item["kind"], group)
        if not paths:
            plural = PLURALS.get(item["kind"], _plural(item["kind"]))
            paths = [f"k8s/apis/{group}/{version}/{plural}.json" if group else f"k8s/api/v1/{plural}.json"]
            self.entries[paths[0]] = json.dumps(
                {"kind": item["kind"] + "List", "apiVersion": item["apiVersion"], "items": []}
            ).encode()
        item["metadata"].setdefault("creationTimestamp", self.at("1h").strftime("%Y-%m-%dT%H:%M:%SZ"))
        item["metadata"].setdefault("uid", f"uid-{item['kind']}-{item['metadata']['name']}".lower())
        for path in paths:
            self._rewrite(path, lambda rows: [row for row in rows if _key(row) != _key(item)] + [copy.deepcopy(item)])

    def _edit(self, ref: str, change: Any) -> None:
        """Change, or take away (None), the object `Kind ns/name`; globs are taken."""
        kind, _, rest = ref.partition(" ")
        kind, _, group = kind.partition(".")
        space, _, name = rest.rpartition("/")
        hits = 0
        for path in self._lists(kind, group or None):
            rows = json.loads(self.entries[path]).get("items", [])
            kept = []
            for row in rows:
                meta = row["metadata"]
                if fnmatchcase(meta["name"], name) and fnmatchcase(meta.get("namespace", ""), space):
                    hits += 1
                    row = change(row)
                if row is not None:
                    kept.append(row)
            self._rewrite(path, lambda _, kept=kept: kept)
        if not hits:
            raise CaseError(f"no object {ref}")

    def _rewrite(self, path: str, change: Any) -> None:
        document = json.loads(self.entries[path])
        document["items"] = change(document.get("items") or [])
        self.entries[path] = json.dumps(self._timed(document)).encode()

    def clone(self, pattern: str, to: str, words: dict[str, str]) -> None:
        """A second pod like one that is there, with all its entries; `words` are replaced in both."""
        space, _, name = pattern.partition("/")
        pods = json.loads(self.entries["k8s/api/v1/pods.json"])["items"]
        pod = next(
            (one for one in pods if _key(one)[0] == space and fnmatchcase(_key(one)[1], name)),
            None,
        )
        if pod is None:
            raise CaseError(f"no pod {pattern}")
        old, (new_space, _, new) = pod["metadata"]["name"], to.partition("/")
        swaps = {f"{old}.{space}": f"{new}.{new_space}", f"/{space}/{old}": f"/{new_space}/{new}", old: new, **words}
        text = _swap(json.dumps(pod), swaps)
        twin = json.loads(text)
        twin["metadata"] |= {"namespace": new_space, "name": new, "uid": f"uid-{new}"}
        self._rewrite("k8s/api/v1/pods.json", lambda rows: [*rows, twin])
        for path in list(self.entries):
            if f"/{space}/{old}/" in path or f"{old}.{space}.json" in path:
                there = path.replace(f"/{space}/{old}/", f"/{new_space}/{new}/").replace(
                    f"{old}.{space}", f"{new}.{new_space}"
                )
                self.entries[there] = _swap(self.entries[path].decode(), swaps).encode()

    # configuration dumps

    def dumps(self, row: dict[str, Any]) -> None:
        """Change places in the dumps of proxies; `istiod: false` leaves istiod's account as it is."""
        hits = 0
        for path in self._dump_paths(row):
            document = json.loads(self.entries[path])
            for holder, key in list(places(document, row["at"])):
                hits += 1
                put_at(holder, key, self._timed(as_istiod(row) if path.startswith("istiod/") else row))
            self.entries[path] = json.dumps(document).encode()
        if not hits:
            raise CaseError(f"nothing at {row['at']} of {row['proxies']}")

    def _dump_paths(self, row: dict[str, Any]) -> list[str]:
        found = []
        for pattern in row["proxies"]:
            space, _, name = pattern.partition("/")
            if row.get("envoy", True):
                found += self.matching(f"{row.get('folder', 'proxies')}/{space}/{name}/config_dump.json")
            if row.get("istiod", True):
                found += self.matching(f"istiod/*/debug/config_dump/{name}.{space}.json")
        return found

    def replace(self, row: dict[str, Any]) -> None:
        """Replace a text, or what a pattern finds, in the entries that a glob fits."""
        hits = 0
        for path in self.matching(row["in"]):
            before = self.entries[path].decode()
            after = (
                re.sub(row["pattern"], row["by"], before)
                if "pattern" in row
                else before.replace(row["text"], row["by"])
            )
            hits += before != after
            self.entries[path] = after.encode()
        if not hits:
            raise CaseError(f"nothing to replace in {row['in']}")

    # what was said

    def at(self, ago: str) -> datetime:
        """The time so long before the recording: `90s`, `5m`, `2h`, `3d`."""
        return self.now - _length(ago)

    def _timed(self, value: Any) -> Any:
        """`{now-5m}` in any text, as a time."""
        if isinstance(value, str):
            return re.sub(r"\{now-(\w+)\}", lambda m: self.at(m[1]).strftime("%Y-%m-%dT%H:%M:%SZ"), value)
        if isinstance(value, dict):
            return {self._timed(key): self._timed(item) for key, item in value.items()}
        return [self._timed(item) for item in value] if isinstance(value, list) else value

    def _moments(self, row: dict[str, Any]) -> Iterator[datetime]:
        """`times` moments, `every` so long, the last of them `last` before the recording."""
        count, step, last = int(row.get("times", 1)), _length(row.get("every", "5s")), _length(row.get("last", "10s"))
        for number in range(count):
            yield self.now - last - step * (count - 1 - number)

    def requests(self, row: dict[str, Any]) -> Iterator[str]:
        """Lines of an access log in Istio's default text format."""
        known = {"code": 503, "failure": "-", "bytes": 91, "ms": 12, "agent": "curl/8.5.0"}
        plain = ("flags", "details", "upstream_ms", "forwarded", "authority", "upstream", "cluster", "source")
        rest = ("destination", "client", "sni", "route")
        values = dict.fromkeys((*plain, *rest), "-") | known | row
        method, path, protocol = row.get("method", "GET"), row.get("path", "/"), row.get("protocol", "HTTP/1.1")
        values["first"] = "- - -" if row.get("tcp") else f"{method} {path} {protocol}"
        for when in self._moments(row):
            yield LINE.format_map(values | {"stamp": f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond // 1000:03d}Z"})

    def lines(self, row: dict[str, Any]) -> Iterator[str]:
        """Lines of a log, each once per moment; `{time}` is the moment."""
        for when in self._moments(row):
            stamp = when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}000Z"
            for line in str(row["lines"]).strip("\n").split("\n"):
                yield line.replace("{time}", stamp).replace("{klog}", when.strftime("%m%d %H:%M:%S.000000"))

    def log(self, of: str, lines: list[str]) -> None:
        """Append lines to the log `namespace/pod/container` (globs), which is made where it is not there."""
        space, name, *rest = of.split("/")
        container = rest[0] if rest else "istio-proxy"
        path = self._path(f"logs/{space}/{name}/{container}.log")
        before = self.entries.get(path, b"")
        gap = b"" if not before or before.endswith(b"\n") else b"\n"
        self.entries[path] = before + gap + "\n".join(lines).encode() + b"\n"

    def event(self, row: dict[str, Any]) -> None:
        """A Warning event about `object` (`Kind ns/name`)."""
        kind, _, rest = row["object"].partition(" ")
        space, _, name = rest.rpartition("/")
        last = self.at(row.get("last", "30s")).strftime("%Y-%m-%dT%H:%M:%SZ")
        first = self.at(row.get("first", "10m")).strftime("%Y-%m-%dT%H:%M:%SZ")
        about = {"kind": kind, "namespace": space, "name": name, "apiVersion": row.get("apiVersion", "v1")}
        self.put(
            {
                "kind": "Event",
                "apiVersion": "v1",
                "type": row.get("type", "Warning"),
                "metadata": {"name": f"{name}.{crc32(row['message'].encode()):x}", "namespace": space or "default"},
                "involvedObject": about,
                "reason": row["reason"],
                "message": row["message"],
                "count": row.get("count", 12),
                "firstTimestamp": first,
                "lastTimestamp": last,
                "source": {"component": row.get("from", "kubelet")},
            }
        )

    def counters(self, row: dict[str, Any]) -> None:
        """Set counters in `stats.txt` (`name: value`) or a page of Prometheus' format (`page: metrics.txt`)."""
        space, _, name = row["of"].partition("/")
        page = row.get("page", "stats.txt")
        for path in self.matching(f"{row.get('folder', 'proxies')}/{space}/{name}/{page}"):
            lines = self.entries[path].decode().splitlines()
            mark = ": " if page == "stats.txt" else " "
            for key, value in row["set"].items():
                lines = [line for line in lines if not line.startswith(key + mark)] + [f"{key}{mark}{value}"]
            self.entries[path] = ("\n".join(lines) + "\n").encode()


def _swap(text: str, words: dict[str, str]) -> str:
    for old, new in words.items():
        text = text.replace(old, new)
    return text


def _plural(kind: str) -> str:
    low = kind.lower()
    return (
        low[:-1] + "ies" if low.endswith("y") and low[-2] not in "aeiou" else low + ("es" if low.endswith("s") else "s")
    )


def _key(item: dict[str, Any]) -> tuple[str, str]:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


def _length(text: str) -> timedelta:
    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
    match = re.fullmatch(r"(\d+)([smhd])", text)
    if not match:
        raise CaseError(f"not a length of time: {text!r}")
    return timedelta(**{units[match[2]]: int(match[1])})
