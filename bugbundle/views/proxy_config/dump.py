"""Envoy's config dump by section, parsed one section at a time."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any

from bugbundle.codec import JSONError, Raw, decode, split_array, split_object
from bugbundle.errors import DumpError
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.xds.schema import camel

TYPE = "type.googleapis.com/"
ADMIN = "envoy.admin.v3."
_AT_TYPE = re.compile(rb'"@type"\s*:\s*"([^"]*)"')


class ConfigDump:
    """One dump. `whole` where it is a loose file, which istioctl prints without the mask that it asks Envoy with.

    Raises `DumpError` from every member where the dump cannot be read.
    """

    def __init__(self, data: bytes, where: str = "", *, whole: bool = False) -> None:
        self.data = data
        self.where = where
        self.whole = whole

    @functools.cached_property
    def _configs(self) -> list[tuple[str, Raw]]:
        try:
            top = split_object(self.data, self.where)
            rows = split_array(top["configs"], self.where) if "configs" in top else []
        except JSONError as error:
            raise _damaged(error, self.where) from None
        return [(_type_of(row), row) for row in rows]

    def section(self, name: str) -> dict[str, Any]:
        """The section `envoy.admin.v3.<name>`; `DumpError` with istioctl's words where there is none."""
        return self.sections(name)[-1]

    def optional(self, name: str) -> dict[str, Any]:
        """The section; empty where there is none, as in a dump that was asked for without endpoints."""
        known = [message for message, _ in self._configs]
        if not all(known):
            raise DumpError("no config dump: a section without a type", where=self.where, todo="Record it again")
        return self.section(name) if ADMIN + name in known else {}

    def sections(self, name: str) -> list[dict[str, Any]]:
        """Every section of that type: Envoy writes one EcdsConfigDump per filter."""
        found = [row for message, row in self._configs if message == ADMIN + name]
        if not found:
            raise DumpError(f"config dump has no configuration type {TYPE}{ADMIN}{name}")
        try:
            return [as_dict(decode(row, self.where)) for row in found]
        except JSONError as error:
            raise _damaged(error, self.where) from None


def _damaged(error: JSONError, where: str) -> DumpError:
    return DumpError(f"no config dump: {error.what}", where=where, todo="Record it again")


def _type_of(row: Raw) -> str:
    """The message of one section, by its first `@type`, which Envoy and istiod write first."""
    found = _AT_TYPE.search(memoryview(row)[:400])
    if found is None:
        found = _AT_TYPE.search(bytes(row))
    return found[1].decode("utf-8", "replace").rpartition("/")[2] if found else ""


def get(value: Any, name: str) -> Any:
    """A member by its name in the .proto, in either spelling; None where it is absent."""
    if not isinstance(value, dict):
        return None
    found = value.get(name)
    return found if found is not None else value.get(camel(name))


def path(value: Any, *names: str) -> Any:
    """A member of a member of …; None where one of them is absent."""
    for name in names:
        value = get(value, name)
    return value


def text(value: Any, *names: str) -> str:
    """The string there; empty where there is none."""
    return as_text(path(value, *names))


def number(value: Any, *names: str) -> int:
    """The number there, written as one or as a string; 0 where there is none."""
    found = path(value, *names)
    if isinstance(found, str) and re.fullmatch(r"-?\d{1,19}", found):
        return int(found)
    return int(found) if isinstance(found, int | float) and found == found and abs(found) < 1e19 else 0


def resources(section: dict[str, Any], rows: str, *names: str) -> Iterator[dict[str, Any]]:
    """The bodies in the rows of a section, in order; rows without one are skipped."""
    for row in dicts(get(section, rows)):
        body = path(row, *names)
        if isinstance(body, dict):
            yield body
