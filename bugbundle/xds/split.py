"""A config dump taken apart into its resources without parsing their bodies.

Reads what Envoy's `/config_dump` prints (pretty, snake_case), what istiod's `/debug/config_dump` and `edsz`
print (compact, lowerCamelCase), with and without EDS, of any v3 version; sections it does not know are kept whole.
Source: envoy/admin/v3/config_dump.proto and config_dump_shared.proto.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from bugbundle.codec import JSONError, Raw, Reader, Struct, split_object
from bugbundle.errors import DumpError
from bugbundle.xds.kinds import Xds, kind_of_url

NONE = Raw(b"")
"""A member that is not there."""


class State(Struct, gc=False):
    """ListenersConfigDump.DynamicListenerState."""

    version_info: str = ""
    versionInfo: str = ""
    listener: Raw = NONE
    last_updated: str = ""
    lastUpdated: str = ""


class Row(Struct, gc=False):
    """One row of any section, in both spellings."""

    name: str = ""
    version_info: str = ""
    versionInfo: str = ""
    last_updated: str = ""
    lastUpdated: str = ""
    client_status: str = ""
    clientStatus: str = ""
    error_state: Raw = NONE
    errorState: Raw = NONE
    cluster: Raw = NONE
    listener: Raw = NONE
    route_config: Raw = NONE
    routeConfig: Raw = NONE
    endpoint_config: Raw = NONE
    endpointConfig: Raw = NONE
    ecds_filter: Raw = NONE
    ecdsFilter: Raw = NONE
    secret: Raw = NONE
    active_state: State | None = None
    activeState: State | None = None
    warming_state: State | None = None
    warmingState: State | None = None
    draining_state: State | None = None
    drainingState: State | None = None


@dataclass(slots=True)
class Item:
    """One resource where it stands: `body` unparsed (None where Envoy has rejected the first it was sent)."""

    kind: Xds
    section: str
    body: Raw | None
    pointer: str
    name: str = ""
    version: str = ""
    last_updated: str = ""
    error_state: Raw | None = None


@dataclass(slots=True)
class Split:
    """A whole dump: its resources, the version of each section, the sections that are not known, the bootstrap."""

    items: list[Item] = field(default_factory=list)
    versions: dict[Xds, str] = field(default_factory=dict)
    sections: list[str] = field(default_factory=list)
    unknown: list[tuple[str, str]] = field(default_factory=list)
    bootstrap: Raw | None = None


_dump = Reader(dict[str, Raw])
_configs = Reader(list[Raw])
_rows = Reader(list[Row])
_AT_TYPE = re.compile(rb'"@type"\s*:\s*"([^"]*)"')
_CAMEL = re.compile(r"(?<=[a-z0-9])([A-Z])")

_LABEL = re.compile(r"_(clusters|listeners|route_configs|endpoint_configs|secrets)$")

SECTIONS: dict[str, tuple[Xds, str]] = {
    "envoy.admin.v3.ClustersConfigDump": (Xds.CDS, "cluster"),
    "envoy.admin.v3.ListenersConfigDump": (Xds.LDS, "listener"),
    "envoy.admin.v3.RoutesConfigDump": (Xds.RDS, "route_config"),
    "envoy.admin.v3.EndpointsConfigDump": (Xds.EDS, "endpoint_config"),
    "envoy.admin.v3.EcdsConfigDump": (Xds.ECDS, "ecds_filter"),
    "envoy.admin.v3.SecretsConfigDump": (Xds.SDS, "secret"),
}
BOOTSTRAP = "envoy.admin.v3.BootstrapConfigDump"
SCOPED_ROUTES = "envoy.admin.v3.ScopedRoutesConfigDump"


def split(data: bytes, where: str = "") -> Split:
    """The resources of one config dump, bodies unparsed.

    Raises `DumpError` where `data` is not a config dump of Envoy or istiod.
    """
    try:
        return _split(data, where)
    except JSONError as error:
        raise DumpError(f"no config dump: {error.what}", where=where, todo="Record it again") from None


def _split(data: bytes, where: str) -> Split:
    if data.lstrip()[:1] == b"[":
        return _assignments(data, where)
    top = _dump(data, where)
    if top and "configs" not in top:
        raise DumpError("no config dump of Envoy or istiod: it has no «configs»", where=where)
    result = Split()
    for position, raw in enumerate(_configs(top["configs"], where) if top else ()):
        _config(raw, f"/configs/{position}", result, where)
    return result


def _assignments(data: bytes, where: str) -> Split:
    """istiod's `edsz` before 1.25: a plain list of ClusterLoadAssignments, which don't say their type."""
    result = Split()
    for position, raw in enumerate(_configs(data, where)):
        if not {"clusterName", "cluster_name"} & split_object(raw, where).keys():
            raise DumpError("no config dump of Envoy or istiod: a list of something else", where=where)
        result.items.append(Item(Xds.EDS, "flat", raw, f"/{position}"))
    return result


def _config(raw: Raw, pointer: str, result: Split, where: str) -> None:
    members = split_object(raw, where)
    message = _type_of(members)
    result.sections.append(message)
    if message in SECTIONS:
        kind, body = SECTIONS[message]
        result.versions[kind] = _text(members, "version_info") or _text(members, "versionInfo")
        for name, value in members.items():
            section = _CAMEL.sub(r"_\1", name).lower()
            if bytes(memoryview(value)[:1]) == b"[":
                result.items.extend(_section(kind, section, body, _rows(value, where), f"{pointer}/{name}"))
    elif message == BOOTSTRAP:
        if "bootstrap" in members:
            result.bootstrap = members["bootstrap"]
            result.items.append(Item(Xds.BOOTSTRAP, "static", members["bootstrap"], f"{pointer}/bootstrap"))
    elif (kind := kind_of_url(message)) is not Xds.OTHER:
        result.items.append(Item(kind, "flat", raw, pointer))
    elif message != SCOPED_ROUTES:
        result.unknown.append((message, pointer))


def _section(kind: Xds, section: str, body: str, rows: list[Row], pointer: str) -> Iterator[Item]:
    label = "dynamic_active" if kind is Xds.ECDS else _LABEL.sub("", section)
    label = "dynamic_active" if label == "dynamic" else label
    camel = re.sub(r"_(\w)", lambda match: match[1].upper(), body)
    for position, row in enumerate(rows):
        place = f"{pointer}/{position}"
        if kind is Xds.LDS and not _has(row.listener):
            yield from _listener(row, place)
            continue
        name = body if _has(getattr(row, body)) else camel
        yield Item(
            kind,
            label,
            _found(getattr(row, name)),
            f"{place}/{name}",
            name=row.name,
            version=row.version_info or row.versionInfo,
            last_updated=row.last_updated or row.lastUpdated,
            error_state=_found(row.error_state) or _found(row.errorState),
        )


STATES = (
    ("active", "active_state", "activeState"),
    ("warming", "warming_state", "warmingState"),
    ("draining", "draining_state", "drainingState"),
)


def _listener(row: Row, place: str) -> Iterator[Item]:
    """A dynamic listener: one item per state; the error stands with the active one, or alone."""
    error = _found(row.error_state) or _found(row.errorState)
    found = False
    for label, snake, camel in STATES:
        state, name = getattr(row, snake), snake
        if state is None:
            state, name = getattr(row, camel), camel
        if state is None:
            continue
        yield Item(
            Xds.LDS,
            f"dynamic_{label}",
            _found(state.listener),
            f"{place}/{name}/listener",
            name=row.name,
            version=state.version_info or state.versionInfo,
            last_updated=state.last_updated or state.lastUpdated,
            error_state=None if found else error,
        )
        found = True
    if not found:
        yield Item(Xds.LDS, "dynamic_rejected", None, place, name=row.name, error_state=error)


def _has(raw: Raw) -> bool:
    return len(memoryview(raw)) > 0


def _found(raw: Raw) -> Raw | None:
    return raw if _has(raw) else None


def _type_of(members: dict[str, Raw]) -> str:
    return _text(members, "@type").rpartition("/")[2]


def _text(members: dict[str, Raw], name: str) -> str:
    raw = bytes(members.get(name, b'""'))
    return raw[1:-1].decode("utf-8", "replace") if raw[:1] == b'"' else ""
