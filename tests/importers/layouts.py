"""The entries of a bundle, laid out as other tools lay out what they record: for tests of reading them."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import zstandard

Files = dict[str, bytes]
_LIST = re.compile(r"k8s/(?:api/(v1)|apis/([^/]+)/([^/]+))/([a-z0-9-]+)\.json")
_ALL = {"pods", "services", "daemonsets", "deployments", "replicasets", "statefulsets", "jobs", "cronjobs",
        "horizontalpodautoscalers"}  # fmt: skip


def lists(bundle: Mapping[str, bytes]) -> Iterator[tuple[str, str, str, list[dict[str, Any]]]]:
    """(apiVersion, group, plural, items with kind) of each list."""
    for path in bundle:
        match = _LIST.fullmatch(path)
        if match is None:
            continue
        raw = json.loads(bundle[path])
        if not isinstance(raw.get("items"), list) or raw["kind"] == "APIResourceList":
            continue
        version = match[1] or f"{match[2]}/{match[3]}"
        kind = raw["kind"].removesuffix("List")
        yield (
            version,
            match[2] or "",
            match[4],
            [{"apiVersion": version, "kind": kind, **item} for item in raw["items"]],
        )


def _members(item: dict[str, Any], lead: str = "") -> str:
    """Members in the order of their names, as kubectl writes them; the values as JSON, which is YAML."""
    lines = [
        f"{key}: {value if key in ('kind', 'apiVersion') else json.dumps(value)}" for key, value in sorted(item.items())
    ]
    return "\n".join((lead if not number else " " * len(lead)) + line for number, line in enumerate(lines)) + "\n"


def _yaml(value: dict[str, Any]) -> bytes:
    return _members(value).encode()


def _kubectl(items: list[dict[str, Any]]) -> bytes:
    body = "".join(_members(item, "- ") for item in items)
    head = f"apiVersion: v1\nitems:{'' if items else ' []'}\n"
    return f"{head}{body}kind: List\nmetadata:\n  resourceVersion: ''\n".encode()


def _pages(bundle: Mapping[str, bytes], folder: str) -> Iterator[tuple[str, str, str, bytes]]:
    for path in bundle:
        head, *rest = path.split("/", 3)
        if head == folder and len(rest) == 3:
            yield rest[0], rest[1], rest[2], bundle[path]


def bug_report(bundle: Mapping[str, bytes], prefix: str = "bug-report/", newest: bool = True) -> Files:
    """`istioctl bug-report`."""
    found: Files = {f"{prefix}bug-report.log": b"", f"{prefix}cluster/cluster-context": b"lab\nhttps://10.0.0.1:6443\n"}
    namespaced: list[dict[str, Any]] = []
    cluster: list[dict[str, Any]] = []
    custom: list[dict[str, Any]] = []
    for _version, group, plural, items in lists(bundle):
        if group.endswith(("istio.io", "gateway.networking.k8s.io")):
            custom += items
        elif plural in _ALL | {"configmaps", "endpointslices", "networkpolicies", "ingresses"}:
            namespaced += items
        elif plural in ("nodes", "namespaces", "customresourcedefinitions") or plural.endswith("webhookconfigurations"):
            cluster += items
    if newest:
        found[f"{prefix}cluster/k8s-cluster-resources"] = _kubectl(cluster)
    found[f"{prefix}cluster/k8s-resources"] = _kubectl(namespaced if newest else namespaced + cluster)
    found[f"{prefix}cluster/crs"] = _kubectl(custom)
    pages = {"config_dump.json": "config_dump?include_eds", "certs.json": "certs", "memory.json": "memory",
             "server_info.json": "server_info", "metrics.txt": "stats/prometheus"}  # fmt: skip
    for namespace, pod, name, body in _pages(bundle, "proxies"):
        if name in pages:
            found[f"{prefix}proxies/{namespace}/{pod}/{pages[name]}"] = body
    for namespace, pod, name, body in _pages(bundle, "ztunnel"):
        if name == "config_dump.json":
            found[f"{prefix}proxies/{namespace}/{pod}/config_dump"] = body
    for namespace, pod, name, body in _pages(bundle, "istiod"):
        if name == "metrics.txt":
            found[f"{prefix}istio/{namespace}/{pod}/metrics"] = body
        elif name.startswith("debug/") and name.count("/") == 1:
            found[f"{prefix}istio/{namespace}/{pod}/{name.rpartition('.')[0]}"] = body
    for namespace, pod, name, body in _pages(bundle, "logs"):
        if name == "istio-proxy.log":
            found[f"{prefix}proxies/{namespace}/{pod}/istio-proxy.log"] = body
        elif name == "discovery.log":
            found[f"{prefix}istio/{namespace}/{pod}/discovery.log"] = body
        elif name == "install-cni.log":
            found[f"{prefix}cni/{pod}/cni.log"] = body
    return found


def _by_namespace(items: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for item in items:
        found.setdefault(item["metadata"].get("namespace", ""), []).append(item)
    return found


def must_gather(bundle: Mapping[str, bytes], root: str = "must-gather.local.1/quay-io-x/istio/") -> Files:
    """The Istio gather of OpenShift."""
    found: Files = {}
    spaces = [
        item["metadata"]["name"] for _, _, plural, items in lists(bundle) if plural == "namespaces" for item in items
    ]
    for version, group, plural, items in lists(bundle):
        typed = group in ("", "apps", "batch") and plural not in ("nodes", "namespaces")
        for namespace, members in _by_namespace(items).items():
            for item in members if not typed else ():
                place = f"namespaces/{namespace}" if namespace else "cluster-scoped-resources"
                if plural == "namespaces":
                    path = f"namespaces/{item['metadata']['name']}/{item['metadata']['name']}.yaml"
                else:
                    path = f"{place}/{group or 'core'}/{plural}/{item['metadata']['name']}.yaml"
                found[root + path] = b"---\n" + _yaml(item)
        for namespace in spaces if typed and items else ():
            own = _by_namespace(items).get(namespace, [])
            body = {"apiVersion": version, "kind": f"{items[0]['kind']}List", "items": own}
            found[f"{root}namespaces/{namespace}/{group or 'core'}/{plural}.yaml"] = b"---\n" + _yaml(body)
    for namespace, pod, name, body in _pages(bundle, "proxies"):
        if name == "config_dump.json":
            found[f"{root}namespaces/{namespace}/pods/{pod}/config_dump_proxy.json"] = body
    for namespace, _pod, name, body in _pages(bundle, "istiod"):
        if name == "debug/syncz.json":
            found[f"{root}namespaces/{namespace}/default/debug-syncz.json"] = body
        elif name.startswith("debug/config_dump/"):
            proxy, _, space = name.removeprefix("debug/config_dump/").removesuffix(".json").rpartition(".")
            found[f"{root}namespaces/{space}/pods/{proxy}/config_dump_istiod.json"] = body
    for namespace, pod, name, body in _pages(bundle, "logs"):
        container, _, previous = name.removesuffix(".log").partition(".")
        run = "previous" if previous else "current"
        found[f"{root}namespaces/{namespace}/pods/{pod}/{container}/{container}/logs/{run}.log"] = body
    return found


def cluster_dump(bundle: Mapping[str, bytes], root: str = "dump/") -> Files:
    """`kubectl cluster-info dump --output-directory`."""
    found: Files = {}
    names = {"pods", "events", "services", "daemonsets", "deployments", "replicasets"}
    for version, _group, plural, items in lists(bundle):
        if plural == "nodes":
            found[f"{root}nodes.json"] = json.dumps({"kind": "NodeList", "apiVersion": "v1", "items": items}).encode()
        for namespace, members in _by_namespace(items).items() if plural in names else ():
            body = {"kind": f"{members[0]['kind']}List", "apiVersion": version, "items": members}
            found[f"{root}{namespace}/{plural}.json"] = json.dumps(body).encode()
    for namespace, pod, name, body in _pages(bundle, "logs"):
        if ".previous" not in name:
            said = f"container {name.removesuffix('.log')} of pod {namespace}/{pod} ====\n".encode()
            path = f"{root}{namespace}/{pod}/logs.txt"
            found[path] = found.get(path, b"") + b"==== START logs for " + said + body + b"==== END logs for " + said
    return found


def cluster_stream(bundle: Mapping[str, bytes]) -> Files:
    """`kubectl cluster-info dump`, to a file."""
    return {"dump.txt": b"\n".join(cluster_dump(bundle).values())}


def troubleshoot(bundle: Mapping[str, bytes], root: str = "support-bundle-2026-11-21T02_27_00/") -> Files:
    """A support bundle of Troubleshoot."""
    found: Files = {f"{root}version.yaml": b"apiVersion: troubleshoot.sh/v1beta2\nkind: SupportBundle\n"}
    base = f"{root}cluster-resources/"
    odd = {"networkpolicies": "network-policy", "customresourcedefinitions": "custom-resource-definitions"}
    for version, group, plural, items in lists(bundle):
        name = odd.get(plural, plural)
        if group.endswith(("istio.io", "gateway.networking.k8s.io")):
            for namespace, members in _by_namespace(items).items():
                path = f"{base}custom-resources/{plural}.{group}{f'/{namespace}' if namespace else ''}.json"
                found[path] = json.dumps(members).encode()
        elif items and not items[0]["metadata"].get("namespace"):
            body = {"kind": f"{items[0]['kind']}List", "apiVersion": version, "items": items}
            found[f"{base}{name}.json"] = json.dumps(body).encode()
        else:
            for namespace, members in _by_namespace(items).items():
                body = {"kind": f"{members[0]['kind']}List", "apiVersion": version, "items": members}
                found[f"{base}{name}/{namespace}.json"] = json.dumps(body).encode()
    for namespace, pod, name, body in _pages(bundle, "logs"):
        found[f"{base}pods/logs/{namespace}/{pod}/{name.replace('.previous', '-previous')}"] = body
    return found


def crust(bundle: Mapping[str, bytes], root: str = "crust-gather/") -> Files:
    """A capture of crust-gather."""
    found: Files = {f"{root}collected.timestamp": b"2026-11-21T02:27:24Z"}
    for version, _group, _plural, items in lists(bundle):
        for item in items:
            namespace = item["metadata"].get("namespace")
            place = f"namespaces/{namespace}" if namespace else "cluster"
            folder = f"{version.replace('/', '-')}/{item['kind'].lower()}"
            found[f"{root}{place}/{folder}/{item['metadata']['name']}.yaml"] = _yaml(item)
    for namespace, pod, name, body in _pages(bundle, "logs"):
        container, _, previous = name.removesuffix(".log").partition(".")
        found[f"{root}namespaces/{namespace}/v1/pod/{pod}/{container}/{'previous' if previous else 'current'}.log"] = (
            body
        )
    return found


def shark(bundle: Mapping[str, bytes]) -> Files:
    """A capture of k8shark."""
    root = "k8shark-capture/"
    head = {
        "format_version": 2,
        "capture_id": "x",
        "captured_at": "2026-11-21T02:26:00Z",
        "captured_until": "2026-11-21T02:27:24Z",
    }
    found: Files = {f"{root}metadata.json": json.dumps(head).encode()}
    index = {}
    for path in bundle:
        if not path.startswith("k8s/") or "aggregated" in path:
            continue
        api = path.removeprefix("k8s").removesuffix(".json")
        record = {"api_path": api, "response_code": 200, "response_body": json.loads(bundle[path])}
        place = hashlib.sha256(api.encode()).hexdigest()[:16]
        found[f"{root}records/{place}/0.json.zst"] = zstandard.compress(json.dumps(record).encode())
        index[api] = {"api_path": api, "seqs": [0], "times": ["2026-11-21T02:27:00Z"]}
    found[f"{root}index.json.zst"] = zstandard.compress(json.dumps({"entries": index}).encode())
    return found


def loose(bundle: Mapping[str, bytes]) -> Files:
    """Files as people keep them: `kubectl get … -o yaml`, dumps, logs, under names of their own."""
    found: Files = {}
    for _version, group, plural, items in lists(bundle):
        if items:
            found[f"{plural}-{group or 'core'}.yaml"] = _kubectl(items)
    for _namespace, pod, name, body in _pages(bundle, "proxies"):
        if name == "config_dump.json":
            found[f"dumps/{pod}.json"] = body
    for _namespace, _pod, name, body in _pages(bundle, "istiod"):
        if name in ("debug/syncz.json", "metrics.txt"):
            found[f"istiod/{name.replace('/', '_')}"] = body
    for _namespace, pod, name, body in _pages(bundle, "logs"):
        found[f"logs/{pod}_{name}"] = body
    return found


LAYOUTS = {
    "bug-report": bug_report,
    "bug-report without prefix": lambda bundle: bug_report(bundle, ""),
    "bug-report before 1.30": lambda bundle: bug_report(bundle, newest=False),
    "must-gather": must_gather,
    "cluster-info dump": cluster_dump,
    "cluster-info dump as a stream": cluster_stream,
    "Troubleshoot": troubleshoot,
    "crust-gather": crust,
    "k8shark": shark,
    "loose files": loose,
}


def tar(files: Files, packed: str = "gz") -> bytes:
    """A tar, compressed or not (empty)."""
    out = io.BytesIO()
    mode: Any = f"w:{packed}"
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, body in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return out.getvalue()


def zipped(files: Files) -> bytes:
    """A zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return out.getvalue()
