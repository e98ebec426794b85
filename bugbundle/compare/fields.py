"""The fields in which two versions of a Kubernetes object differ: the one door to deepdiff.

Lists of named things are held against each other by name: before deepdiff sees them, they become objects by name.
"""

from __future__ import annotations

import re
from typing import Any

from bugbundle.compare.model import ABSENT, Field

KEYS: dict[str, tuple[str, ...]] = {
    "containers": ("name",), "initContainers": ("name",), "ephemeralContainers": ("name",), "volumes": ("name",),
    "env": ("name",), "ports": ("name", "number", "port", "containerPort"), "volumeMounts": ("mountPath",),
    "webhooks": ("name",), "subsets": ("name",), "servers": ("name",), "listeners": ("name",), "versions": ("name",),
    "imagePullSecrets": ("name",), "hostAliases": ("ip",), "tolerations": ("key",), "taints": ("key",),
    "http": ("name",), "rules": ("name",), "subjects": ("name",), "volumeClaimTemplates": ("metadata",),
    "workloadSelectors": ("name",), "secrets": ("name",), "extensionProviders": ("name",),
}  # fmt: skip
"""list → the member that names its items, as `patchMergeKey` and `listMapKey` of the APIs have it."""

_PLAIN = re.compile(r"[A-Za-z0-9_-]+")


class Named(str):
    """The place of an item in a list of named things: `[name="x"]`."""

    __slots__ = ()


def fields(before: Any, after: Any) -> list[Field]:
    """Every field that differs, in the order of the paths."""
    from deepdiff import DeepDiff

    tree = DeepDiff(
        *_pruned(_keyed(before), _keyed(after)),
        view="tree",
        verbose_level=2,
        threshold_to_diff_deeper=0,
        ignore_private_variables=False,
    )
    found: dict[str, Field] = {}
    for levels in tree.values():
        for level in levels:
            path = _path(level.path(output_format="list"))
            found[path] = Field(path, _value(level.t1), _value(level.t2))
    return [found[path] for path in sorted(found)]


def _pruned(left: Any, right: Any) -> tuple[Any, Any]:
    """Both without what is equal in them: deepdiff copies its way down to every leaf. Places in lists stay."""
    if isinstance(left, dict) and isinstance(right, dict):
        pairs = {
            key: _pruned(left[key], right[key]) for key in left if key in right and not _equal(left[key], right[key])
        }
        one = {key: pairs[key][0] if key in pairs else left[key] for key in left if key in pairs or key not in right}
        other = {key: pairs[key][1] if key in pairs else right[key] for key in right if key in pairs or key not in left}
        return one, other
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        found = [(None, None) if _equal(a, b) else _pruned(a, b) for a, b in zip(left, right, strict=True)]
        return [a for a, _ in found], [b for _, b in found]
    return left, right


def _equal(left: Any, right: Any) -> bool:
    """Equal, and `1` is neither `True` nor `1.0`."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(_equal(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    return bool(left == right)


def _value(value: Any) -> Any:
    from deepdiff.helper import notpresent

    return ABSENT if value is notpresent else _plain(value)


def _plain(value: Any) -> Any:
    """The value with lists where they were made objects."""
    if isinstance(value, dict):
        if value and all(isinstance(key, Named) for key in value):
            return [_plain(item) for item in value.values()]
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _keyed(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _keyed(item, key) for key, item in value.items()}
    if not isinstance(value, list):
        return value
    for key in KEYS.get(name, ()):
        names = [item.get(key) for item in value if isinstance(item, dict)]
        known = all(isinstance(one, str | int) and one != "" for one in names)
        if value and len(names) == len(value) and known and len(set(map(str, names))) == len(names):
            return {
                Named(f'[{key}="{one}"]' if isinstance(one, str) else f"[{key}={one}]"): _keyed(item)
                for one, item in zip(names, value, strict=True)
            }
    return [_keyed(item) for item in value]


def _path(parts: list[Any]) -> str:
    """`spec.http[0].route[1].weight`, `metadata.annotations["a.b/c"]`, `containers[name="app"].image`."""
    text = ""
    for part in parts:
        if isinstance(part, int) and not isinstance(part, bool):
            text += f"[{part}]"
        elif isinstance(part, Named) or (isinstance(part, str) and part.startswith("[") and part.endswith("]")):
            text += str(part)
        elif _PLAIN.fullmatch(str(part)):
            text += f".{part}" if text else str(part)
        else:
            text += f'["{part}"]'
    return text
