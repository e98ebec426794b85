"""Trees of `bugbundle.views.protojson` as text: the three ways in which istioctl writes them.

`listed` is json.MarshalIndent over messages; `message` is jsonpb with an indent, which moves what lies inside
a Struct further to the right than its own level; `extended` is protojson, multi-line.
"""

from __future__ import annotations

import re
from typing import Any

from bugbundle.codec import decode, encode, reindent
from bugbundle.views.protojson import Map, Struct

_NAME = re.compile(r'^( *"(?:[^"\\]|\\.)*": )', re.MULTILINE)
_STEP = "    "
_HTML = ((b"<", rb"\u003c"), (b">", rb"\u003e"), (b"&", rb"\u0026"), ("\u2028".encode(), rb"\u2028"))
_LAST = ("\u2029".encode(), rb"\u2029")


def listed(trees: Any) -> str:
    """Four blanks a level, `<`, `>` and `&` as \\u escapes; no newline at the end."""
    return _escape(reindent(encode(trees), 4)).decode()


def extended(tree: Any) -> str:
    """Four blanks a level, two behind each name, nothing escaped; no newline at the end.

    protojson means to be unstable: each binary has one blank or two. Two are those of istioctl 1.29.6.
    """
    return _NAME.sub(r"\1 ", reindent(encode(tree), 4).decode())


def message(tree: Any) -> str:
    """A message as jsonpb.Marshaler{Indent: "    "} prints it; no newline at the end."""
    out: list[str] = []
    _message(tree, "", out)
    return _escape("".join(out).encode()).decode()


def yaml(text: str) -> str:
    """The YAML that istioctl makes of its own JSON, ended by a newline."""
    from bugbundle.views.goyaml import to_yaml

    return to_yaml(decode(text.encode()))


def _escape(data: bytes) -> bytes:
    for mark, escaped in (*_HTML, _LAST):
        if mark in data:
            data = data.replace(mark, escaped)
    return data


def _message(value: dict[str, Any], indent: str, out: list[str]) -> None:
    out.append("{\n")
    lead = ""
    for name, member in value.items():
        out.append(f'{lead}{indent}{_STEP}"{name}": ')
        _member(member, indent, out)
        lead = ",\n"
    out.append(f"\n{indent}}}")


def _member(value: Any, indent: str, out: list[str]) -> None:
    """A field's value: lists and maps at the message's own level, everything else one further."""
    if isinstance(value, Map):
        _entries(value, indent, out, _single)
    elif isinstance(value, list):
        _items(value, indent, out, _single)
    else:
        _single(value, indent, out)


def _single(value: Any, indent: str, out: list[str]) -> None:
    if isinstance(value, Struct):
        _entries(value, indent + _STEP, out, _free)
    elif isinstance(value, dict):
        _message(value, indent + _STEP, out)
    else:
        out.append(_text(value))


def _free(value: Any, indent: str, out: list[str]) -> None:
    """A google.protobuf.Value: it and what it holds are a level each."""
    if isinstance(value, dict):
        _entries(value, indent + _STEP * 2, out, _free)
    elif isinstance(value, list):
        _items(value, indent + _STEP * 2, out, _free)
    else:
        out.append(_text(value))


def _entries(value: dict[str, Any], indent: str, out: list[str], write: Any) -> None:
    out.append("{")
    lead = ""
    for key, item in value.items():
        out.append(f"{lead}\n{indent}{_STEP * 2}{_text(key)}: ")
        write(item, indent + _STEP, out)
        lead = ","
    out.append(f"\n{indent}{_STEP}}}")


def _items(value: list[Any], indent: str, out: list[str], write: Any) -> None:
    out.append("[")
    lead = ""
    for item in value:
        out.append(f"{lead}\n{indent}{_STEP * 2}")
        write(item, indent + _STEP, out)
        lead = ","
    out.append(f"\n{indent}{_STEP}]")


def _text(value: Any) -> str:
    return encode(value).decode()
