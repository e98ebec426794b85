"""What a file is, by what stands in it, and whose it is where it says so: for files under any names.

Shapes: envoy.admin.v3 (Envoy's admin pages), pilot/pkg/xds/debug.go (istiod's), ztunnel's config_dump, Prometheus' text
format, the logs of istiod, istio-agent, Envoy, ztunnel and istio-cni.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from bugbundle.codec import Raw, decode, split_array, split_object
from bugbundle.errors import BugbundleError
from bugbundle.importers import envoy_text, tables

PAGES = (
    "adsz", "ambientz", "authorizationz", "cachez", "clusterz", "configz", "connections", "endpointShardz", "endpointz",
    "inject", "instancesz", "krtz", "list", "mcsz", "mesh", "networkz", "push_status", "pushcontext", "registryz",
    "resourcesz", "syncz", "telemetryz",
)  # fmt: skip
"""istiod's debug pages about the whole mesh."""


@dataclass(frozen=True, slots=True)
class Look:
    """`kind`: what it is (the constants below); `namespace` and `pod` where it says whose it is; `page` of istiod;
    `container` of a log."""

    kind: str
    namespace: str = ""
    pod: str = ""
    page: str = ""
    container: str = ""


DUMP, ACCOUNT, EDSZ = "Envoy's config_dump", "istiod's config_dump of a proxy", "istiod's edsz of a proxy"
CLUSTERS, CLUSTERS_TEXT = "Envoy's clusters", "Envoy's clusters as text"
LISTENERS, LISTENERS_TEXT = "Envoy's listeners", "Envoy's listeners as text"
CERTS, SERVER_INFO, MEMORY = "Envoy's certs", "Envoy's server_info", "Envoy's memory"
RUNTIME, INIT_DUMP, STATS = "Envoy's runtime", "Envoy's init_dump", "Envoy's stats"
ISTIOD_PAGE, ISTIOD_METRICS = "a debug page of istiod", "istiod's metrics"
PROXY_METRICS, ZTUNNEL_METRICS = "metrics of a proxy", "metrics of a ztunnel"
ZTUNNEL_DUMP, LOG, KUBERNETES = "ztunnel's config_dump", "a log", "objects of Kubernetes"
EVENTS_TABLE, STATUS_TABLE = "a table of events", "a table of istioctl proxy-status"
XDS_LIST = "resources of istioctl proxy-config"
MESSAGES = "messages of istioctl analyze"

_TYPE = re.compile(rb'"@type": ?"type\.googleapis\.com/envoy\.admin\.')
_NODE = re.compile(r"[a-z]+~[^~]*~([^~.]+)\.([^~]+)~")
_METRIC = rb"^(?:# (?:HELP|TYPE) )?(?:"
_ONLY_ISTIOD = re.compile(_METRIC + rb"pilot_|citadel_|galley_)", re.MULTILINE)
_ONLY_ZTUNNEL = re.compile(_METRIC + rb"workload_manager_|istio_xds_connection_termin|istio_dns_)", re.MULTILINE)
_METRICS = re.compile(rb"\A(?:#[^\n]*\n|\n)*(?:# (?:HELP|TYPE) |[a-zA-Z_:][\w:]*(?:\{[^\n]*\})? [-+0-9.eENaIif]+\s*\n)")
_STATS = re.compile(rb"\A(?:[\w.|;:/@=,<>() -]+: (?:\d+|\"[^\n]*\"|P0[^\n]*|No recorded values)\r?\n){2,}")
_YAML = re.compile(rb"^(?:apiVersion|kind): ?\S", re.MULTILINE)
_LIST_YAML = re.compile(rb"\A(?:---\s*\n)?- ")
_ACCESS = re.compile(rb"^\[20\d\d-\d\d-\d\dT[\d:.]+Z\] \"", re.MULTILINE)
_ISTIO_LOG = re.compile(
    rb"^20\d\d-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)[\t ]+(?:debug|info|warn|warning|error|fatal|trace)[\t ]",
    re.MULTILINE | re.I,
)
_JSON_LOG = re.compile(
    rb'\A\s*\{[^\n]*"(?:level|severity|lvl)": ?"|\A\s*\{[^\n]*"(?:response_flags|response_code|start_time)": ?'
)
_PLAIN_LOG = re.compile(
    rb"^(?:20\d\d[-/]\d\d[-/]\d\d[T ]\d\d:\d\d|[IWEF]\d{4} \d\d:\d\d:\d\d\.|\[20\d\d-\d\d-\d\d)", re.MULTILINE
)
_WORDS = (
    ("install-cni", re.compile(rb"cni-agent|cni-plugin|install-cni|CNI configuration|repair\t", re.I)),
    (
        "istio-proxy",
        re.compile(rb"Envoy proxy is ready|\tenvoy |pilot-agent|--proxyLogLevel|xdsproxy|outbound\||inbound\|"),
    ),
    (
        "discovery",
        re.compile(rb"\tads\t|\tmodel\t|pilot-discovery|validationServer|initializing Istiod|discovery server", re.I),
    ),
    ("istio-proxy", re.compile(rb"ztunnel|src\.workload=|inpod::|connection complete", re.I)),
)
"""Words of each part's log, of which the first that occur decide."""


def look(data: bytes, name: str = "") -> Look | None:
    """What a file is; None where it is nothing known. `name` helps where several pages look alike."""
    text = data.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:1] in (b"{", b"["):
        found = _json(text, name)
        if found is not None:
            return found
    head = text[:65536]
    if envoy_text.is_clusters(head):
        return Look(CLUSTERS_TEXT)
    if envoy_text.is_listeners(head):
        return Look(LISTENERS_TEXT)
    first = head.partition(b"\n")[0].decode("utf-8", "replace")
    if tables.EVENTS.match(first):
        return Look(EVENTS_TABLE)
    if tables.STATUS.match(first):
        return Look(STATUS_TABLE)
    if _YAML.search(head) and not _ISTIO_LOG.search(head[:4096]):
        return Look(KUBERNETES)
    if _LIST_YAML.match(head) and b"apiVersion:" in head:
        return Look(KUBERNETES)
    return _lines(head, data)


def _lines(head: bytes, data: bytes) -> Look | None:
    """Metrics, stats, logs."""
    if _METRICS.match(head):
        if _ONLY_ISTIOD.search(data):
            return Look(ISTIOD_METRICS)
        return Look(ZTUNNEL_METRICS if _ONLY_ZTUNNEL.search(data) and b"envoy_" not in data else PROXY_METRICS)
    if _STATS.match(head):
        return Look(STATS)
    container = log_container(head)
    return Look(LOG, container=container) if container is not None else None


def log_container(head: bytes) -> str | None:
    """The container that a log is of, by its words; empty for a log of no part of Istio, None where it is no log."""
    if _ACCESS.search(head):
        return "istio-proxy"
    if _ISTIO_LOG.search(head) or _JSON_LOG.match(head):
        for container, words in _WORDS:
            if words.search(head):
                return container
        return "istio-proxy" if b"response_flags" in head else ""
    return "" if _PLAIN_LOG.search(head) else None


def _json(text: bytes, name: str) -> Look | None:
    try:
        return _object(split_object(text), text, name) if text[:1] == b"{" else _array(split_array(text), name)
    except BugbundleError:
        head = text[:65536]
        if _JSON_LOG.match(head):
            return Look(LOG, container=log_container(head) or "")
        return Look(KUBERNETES) if b'"kind"' in head and b'"apiVersion"' in head else None


_BY_KEYS = (
    (("cluster_statuses",), CLUSTERS),
    (("listener_statuses",), LISTENERS),
    (("unready_targets_dumps",), INIT_DUMP),
    (("allocated", "heap_size"), MEMORY),
    (("layers", "entries"), RUNTIME),
)
_PAGE_KEYS = (
    (("totalClients",), "adsz"),
    (("authorization_policies",), "authorizationz"),
    (("telemetries",), "telemetryz"),
    (("rootNamespace", "defaultConfig"), "mesh"),
    (("proxyListenPort",), "mesh"),
)


def _object(top: dict[str, Raw], text: bytes, name: str) -> Look | None:
    keys = set(top)
    if "kind" in keys and "apiVersion" in keys:
        return Look(KUBERNETES)
    if "configs" in keys:
        return _dump(top["configs"], text)
    if "certificates" in keys and not keys & {"workloads", "services"}:
        return Look(CERTS)
    if {"workloads", "services"} <= keys and keys & {"config", "certificates", "policies", "workloadState"}:
        return (
            _ztunnel(top) if keys & {"config", "certificates", "workloadState"} else Look(ISTIOD_PAGE, page="ambientz")
        )
    if "state" in keys and keys & {"hot_restart_version", "command_line_options", "uptime_current_epoch"}:
        namespace, pod = _of_node(_value(top.get("node")))
        return Look(SERVER_INFO, namespace, pod)
    for wanted, kind in _BY_KEYS:
        if set(wanted) <= keys:
            return Look(kind)
    for wanted, page in _PAGE_KEYS:
        if set(wanted) <= keys:
            return Look(ISTIOD_PAGE, page=page)
    page = named_page(name)
    if page:
        return Look(ISTIOD_PAGE, page=page)
    if "items" in keys:
        return Look(KUBERNETES)
    return Look(LOG, container=log_container(text[:65536]) or "") if _JSON_LOG.match(text[:65536]) else None


def _array(items: list[Raw], name: str) -> Look | None:
    page = named_page(name)
    first = _value(items[0]) if items else None
    if not isinstance(first, dict):
        return Look(ISTIOD_PAGE, page=page) if page else None
    keys = set(first)
    if "proxy" in keys and keys & {"cluster_id", "istio_version", "resources", "cluster_sent", "proxy_type"}:
        return Look(ISTIOD_PAGE, page="syncz")
    if {"kind", "apiVersion"} <= keys:
        return Look(ISTIOD_PAGE, page="configz") if page == "configz" else Look(KUBERNETES)
    if keys & {"clusterName", "cluster_name"} and "endpoints" in keys:
        return Look(EDSZ)
    if "syncStatus" in keys:
        return Look(ISTIOD_PAGE, page="clusterz")
    if "Attributes" in keys:
        return Look(ISTIOD_PAGE, page="registryz")
    if {"name", "state"} <= keys and page == "krtz":
        return Look(ISTIOD_PAGE, page="krtz")
    if "code" in keys and "origin" in keys:
        return Look(MESSAGES)
    return Look(ISTIOD_PAGE, page=page) if page else None


def _dump(configs: Raw, text: bytes) -> Look | None:
    """Envoy's dump has a bootstrap with a node; istiod's account of a proxy has none, and is written in camelCase."""
    if not _TYPE.search(text):
        return Look(EDSZ) if re.search(rb'"cluster_?[nN]ame"', bytes(configs)[:4096]) else None
    for item in split_array(configs)[:50]:
        if b"BootstrapConfigDump" not in bytes(item)[:200] and b"BootstrapConfigDump" not in bytes(item)[-300:]:
            continue
        value = _value(item)
        bootstrap = value.get("bootstrap") if isinstance(value, dict) else None
        namespace, pod = _of_node(bootstrap.get("node") if isinstance(bootstrap, dict) else None)
        if pod:
            return Look(DUMP, namespace, pod)
    return Look(ACCOUNT if re.search(rb'"(?:versionInfo|dynamicActiveClusters|dynamicListeners)"', text) else DUMP)


def _ztunnel(top: dict[str, Raw]) -> Look:
    config = _value(top.get("config"))
    own = config.get("ztunnelWorkload") if isinstance(config, dict) else None
    if isinstance(own, dict) and isinstance(own.get("name"), str) and isinstance(own.get("namespace"), str):
        return Look(ZTUNNEL_DUMP, own["namespace"], own["name"])
    return Look(ZTUNNEL_DUMP)


def _of_node(node: Any) -> tuple[str, str]:
    """(namespace, pod) of a node's id: `sidecar~10.1.2.3~web-1.shop~shop.svc.cluster.local`."""
    found = _NODE.match(node["id"]) if isinstance(node, dict) and isinstance(node.get("id"), str) else None
    return (found[2], found[1]) if found else ("", "")


def _value(raw: Raw | None) -> Any:
    try:
        return decode(raw) if raw is not None else None
    except BugbundleError:
        return None


def named_page(name: str) -> str:
    """The debug page that a file is named for: `istiod-x/debug/syncz`, `debug-syncz.json`, `syncz.txt`."""
    stem = name.rpartition("/")[2].partition("?")[0]
    stem = re.sub(r"\.(json|txt|out|log)$", "", stem)
    return next((page for page in PAGES if stem == page or re.search(rf"(?:^|[-_.]){page}$", stem)), "")
