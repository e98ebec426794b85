"""Helm's release Secrets: chart, name, version, status and times stay, so that `helm list` works on a replay; manifest,
values, templates, hooks and notes go, as anything may be in them.

A release is JSON, gzipped, as base64 (helm.sh/helm, pkg/storage/driver/util.go), in a Secret: base64 once more.
"""

from __future__ import annotations

import base64
import gzip
import zlib
from typing import Any

from bugbundle.codec import JSONError, decode, encode

_MOST = 16 << 20
_INFO = ("first_deployed", "last_deployed", "deleted", "status")
_METADATA = ("name", "version", "appVersion", "apiVersion", "type")
_WORDS = 100
"""Characters of a field that stays: names, versions, times are no longer."""


def without_secrets(value: bytes) -> bytes | None:
    """A release as a Secret's `data` has it, without what may be secret; the value itself where that is so already;
    None where it is no release."""
    release = _release(value)
    if release is None:
        return None
    kept = _kept(release)
    if kept == release:
        return value
    packed = base64.b64encode(gzip.compress(encode(kept), mtime=0))
    return base64.b64encode(packed)


def _release(value: bytes) -> dict[str, Any] | None:
    if not value.startswith(b"SDRzS"):  # base64 of H4sI, which is base64 of gzip's mark
        return None
    try:
        packed = base64.b64decode(base64.b64decode(value))
        unpacked = zlib.decompressobj(wbits=31).decompress(packed, _MOST)
        release = decode(unpacked)
    except (ValueError, zlib.error, JSONError):
        return None
    fits = isinstance(release, dict) and isinstance(release.get("chart"), dict) and "name" in release
    return release if fits else None


def _kept(release: dict[str, Any]) -> dict[str, Any]:
    chart = release["chart"].get("metadata")
    kept = {key: release[key] for key in ("name", "version", "namespace") if _is_short(release.get(key))}
    kept["info"] = _of(release.get("info"), _INFO)
    kept["chart"] = {"metadata": _of(chart, _METADATA)}
    return kept


def _of(value: Any, keys: tuple[str, ...]) -> dict[str, Any]:
    found = value if isinstance(value, dict) else {}
    return {key: found[key] for key in keys if _is_short(found.get(key))}


def _is_short(value: Any) -> bool:
    return (isinstance(value, str) and len(value) <= _WORDS) or (isinstance(value, int) and not isinstance(value, bool))
