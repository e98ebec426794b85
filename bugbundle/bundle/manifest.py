"""bundle.json and manifest.json: read with suspicion, written in one form."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bugbundle.bundle.formats import FORMATS, Formats
from bugbundle.bundle.model import Entry, Gap, Header, Manifest
from bugbundle.codec import JSONError, decode, encode
from bugbundle.errors import BundleError


def parse_time(text: Any) -> datetime | None:
    """RFC 3339 with any number of fractional digits; None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return when if when.tzinfo else None


def read_number(data: bytes, where: str, formats: Formats) -> int:
    """The format number of a header or manifest. Raises `BundleError` where it has none, or too new a one."""
    return formats.number(_object(data, where), where)


def parse_header(data: bytes, where: str, formats: Formats = FORMATS) -> Header:
    """`bundle.json`. Raises `BundleError` where it is not one, or newer than this version can read."""
    raw = _object(data, where)
    number = formats.number(raw, where)
    raw = formats.header(raw, number)
    return Header(
        format=number,
        tool=_text(raw.get("tool")),
        started=parse_time(raw.get("started")),
        clusters=tuple(item for item in _list(raw.get("clusters")) if isinstance(item, str)),
        options=_dict(raw.get("options")),
        redaction=_dict(raw.get("redaction")),
    )


def parse_manifest(data: bytes, where: str, formats: Formats = FORMATS) -> Manifest:
    """`manifest.json`. Raises `BundleError` where it is not one; single odd rows are left out."""
    raw = _object(data, where)
    number = formats.number(raw, where)
    raw = formats.manifest(raw, number)
    entries = (_entry(item) for item in _list(raw.get("entries")) if isinstance(item, dict))
    gaps = (_gap(item) for item in _list(raw.get("gaps")) if isinstance(item, dict))
    redacted = _dict(raw.get("redacted"))
    return Manifest(
        format=number,
        started=parse_time(raw.get("started")),
        finished=parse_time(raw.get("finished")),
        entries={entry.path: entry for entry in entries if entry.path},
        gaps={gap.path: gap for gap in gaps if gap.path},
        redacted={key: value for key, value in redacted.items() if isinstance(value, int)},
    )


def dump_header(header: Header) -> bytes:
    """`bundle.json` as written."""
    fields = {
        "format": header.format,
        "tool": header.tool,
        "started": format_time(header.started),
        "clusters": list(header.clusters),
        "options": header.options,
        "redaction": header.redaction,
    }
    return encode({key: value for key, value in fields.items() if value not in (None, {}, [])}) + b"\n"


def dump_manifest(manifest: Manifest) -> bytes:
    """`manifest.json` as written: one entry a line."""
    head = {
        "format": manifest.format,
        "started": format_time(manifest.started),
        "finished": format_time(manifest.finished),
        "redacted": manifest.redacted,
    }
    entries = b",\n".join(encode(_entry_fields(entry)) for entry in manifest.entries.values())
    gaps = b",\n".join(encode(_gap_fields(gap)) for gap in manifest.gaps.values())
    return encode(head)[:-1] + b',\n"entries":[\n' + entries + b'\n],\n"gaps":[\n' + gaps + b"\n]}\n"


def format_time(when: datetime | None) -> str | None:
    """RFC 3339 in UTC, `Z` at the end."""
    if when is None:
        return None
    return when.isoformat(timespec="milliseconds" if when.microsecond else "seconds").replace("+00:00", "Z")


def _entry(item: dict[str, Any]) -> Entry:
    return Entry(
        path=_text(item.get("path")),
        size=_int(item.get("size")),
        sha256=_text(item.get("sha256")),
        target=_text(item.get("target")),
        request=_text(item.get("request")),
        status=_int(item.get("status", 200)),
        at=parse_time(item.get("at")),
        seconds=float(item["seconds"]) if isinstance(item.get("seconds"), int | float) else None,
        attempts=_int(item.get("attempts", 1)),
        route=_text(item.get("route")),
    )


def _gap(item: dict[str, Any]) -> Gap:
    return Gap(
        path=_text(item.get("path")),
        target=_text(item.get("target")),
        request=_text(item.get("request")),
        status=_int(item.get("status")),
        reason=_text(item.get("reason")),
    )


def _entry_fields(entry: Entry) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "path": entry.path,
        "size": entry.size,
        "sha256": entry.sha256,
        "target": entry.target,
        "request": entry.request,
        "status": entry.status,
        "at": format_time(entry.at),
    }
    if entry.seconds is not None:
        fields["seconds"] = entry.seconds
    if entry.attempts != 1:
        fields["attempts"] = entry.attempts
    if entry.route:
        fields["route"] = entry.route
    return fields


def _gap_fields(gap: Gap) -> dict[str, Any]:
    return {
        "path": gap.path,
        "target": gap.target,
        "request": gap.request,
        "status": gap.status,
        "reason": gap.reason,
    }


def _object(data: bytes, where: str) -> dict[str, Any]:
    try:
        raw = decode(data)
    except JSONError as error:
        raise BundleError(error.what, where=where, todo="This is no bundle, or a damaged one") from None
    if not isinstance(raw, dict):
        raise BundleError("not a JSON object", where=where)
    return raw


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _int(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
