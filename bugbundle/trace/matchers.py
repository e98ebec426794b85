"""Envoy's matchers of strings, headers, query parameters and addresses.

Sources: envoy/api type/matcher/v3/string.proto, config/route/v3/route_components.proto (HeaderMatcher,
QueryParameterMatcher); source/common/common/matchers.cc, source/common/http/header_utility.cc,
source/common/router/config_utility.cc.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from bugbundle.mesh.kube import as_dict, as_text, dicts

Address = IPv4Network | IPv6Network


SHAPES = (AttributeError, KeyError, RecursionError, TypeError, ValueError)
"""What comes of a value that has another shape than Envoy's API gives it."""


class Unmodelled(Exception):
    """A part of the configuration that this evaluator does not model: its text says which."""


@functools.lru_cache(maxsize=4096)
def regex(text: str) -> re.Pattern[str]:
    """RE2's syntax as Python's. Raises `Unmodelled` where Python cannot read it."""
    plain = text.replace(r"\z", r"\Z").replace(r"\C", ".")
    for name, chars in _CLASSES.items():
        plain = plain.replace(f"[:{name}:]", chars)
    plain = re.sub(r"\\pL", r"[^\\W\\d_]", plain).replace(r"\pN", r"\d")
    plain = re.sub(r"(?<!^)\(\?([imsU]+)\)", "", plain) if "(?" in plain else plain
    try:
        return re.compile(plain, re.ASCII)
    except re.error as error:
        raise Unmodelled(f"the regular expression {text!r} ({error})") from None


_CLASSES = {
    "alnum": "a-zA-Z0-9", "alpha": "a-zA-Z", "digit": "0-9", "lower": "a-z", "upper": "A-Z", "space": r"\s",
    "word": r"\w", "xdigit": "0-9a-fA-F", "punct": r"!-/:-@\[-`{-~", "blank": r" \t",
}  # fmt: skip


def full_match(text: str, value: str) -> bool:
    """Whether a regular expression holds all of a value, as Envoy's `safe_regex` does."""
    return regex(text).fullmatch(value) is not None


def string_matches(matcher: dict[str, Any], value: str) -> bool:
    """envoy.type.matcher.v3.StringMatcher. `ignore_case` has no effect on `safe_regex`."""
    if "safe_regex" in matcher:
        return full_match(as_text(as_dict(matcher["safe_regex"]).get("regex")), value)
    if "custom" in matcher:
        raise Unmodelled(f"the string matcher {as_dict(matcher['custom']).get('name')}")
    here = value.lower() if matcher.get("ignore_case") else value
    for kind, test in _TESTS.items():
        if kind in matcher:
            wanted = as_text(matcher[kind])
            return test(here, wanted.lower() if matcher.get("ignore_case") else wanted)
    return here == ""


_TESTS: dict[str, Callable[[str, str], bool]] = {
    "exact": str.__eq__,
    "prefix": str.startswith,
    "suffix": str.endswith,
    "contains": str.__contains__,
}


def describe_string(matcher: dict[str, Any]) -> str:
    """A StringMatcher as people write it: `shop`, `shop*`, `*shop`, `*shop*`, `~regex`."""
    if "safe_regex" in matcher:
        return "~" + as_text(as_dict(matcher["safe_regex"]).get("regex"))
    forms = {"exact": "{}", "prefix": "{}*", "suffix": "*{}", "contains": "*{}*"}
    return next((form.format(matcher[kind]) for kind, form in forms.items() if kind in matcher), "")


class Headers:
    """A request's headers: names in lower case, equal ones joined by commas."""

    __slots__ = ("_values",)

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._values: dict[str, str] = {}
        for name, value in pairs:
            self.add(name, value)

    def add(self, name: str, value: str) -> None:
        """One more value of a header."""
        key = name.lower()
        self._values[key] = f"{self._values[key]},{value}" if key in self._values else value

    def set(self, name: str, value: str) -> None:
        """The value in place of any before."""
        self._values[name.lower()] = value

    def drop(self, name: str) -> None:
        """Take a header away."""
        self._values.pop(name.lower(), None)

    def get(self, name: str) -> str | None:
        """The value; None where there is no such header."""
        return self._values.get(name.lower())

    def copy(self) -> Headers:
        """The same headers, to be changed apart."""
        made = Headers()
        made._values = dict(self._values)
        return made


def header_matches(matcher: dict[str, Any], headers: Headers) -> bool:
    """envoy.config.route.v3.HeaderMatcher: a missing header matches nothing, inverted or not, but `present_match`."""
    value = headers.get(as_text(matcher.get("name")))
    inverted = bool(matcher.get("invert_match"))
    kinds = ("string_match", "exact_match", "safe_regex_match", "range_match", "prefix_match", "suffix_match",
             "contains_match")  # fmt: skip
    kind = next((kind for kind in kinds if kind in matcher), "")
    if not kind:
        wanted = bool(matcher.get("present_match", True))
        present = value is not None or bool(matcher.get("treat_missing_header_as_empty"))
        return (present == wanted) != inverted
    if value is None:
        if not matcher.get("treat_missing_header_as_empty"):
            return False
        value = ""
    return _header_value(kind, matcher[kind], value) != inverted


def _header_value(kind: str, wanted: Any, value: str) -> bool:
    if kind == "string_match":
        return string_matches(as_dict(wanted), value)
    if kind == "safe_regex_match":
        return full_match(as_text(as_dict(wanted).get("regex")), value)
    if kind == "range_match":
        span = as_dict(wanted)
        return re.fullmatch(r"-?\d+", value) is not None and span.get("start", 0) <= int(value) < span.get("end", 0)
    return string_matches({kind.removesuffix("_match"): wanted}, value)


def describe_header(matcher: dict[str, Any]) -> str:
    """A HeaderMatcher in words: `end-user: jason`, `:method not GET`."""
    name = as_text(matcher.get("name"))
    no = "not " if matcher.get("invert_match") else ""
    if "string_match" in matcher:
        return f"{name}: {no}{describe_string(as_dict(matcher['string_match']))}"
    if "safe_regex_match" in matcher:
        return f"{name}: {no}~{as_dict(matcher['safe_regex_match']).get('regex')}"
    if "range_match" in matcher:
        span = as_dict(matcher["range_match"])
        return f"{name}: {no}{span.get('start', 0)}..{span.get('end', 0)}"
    kind = next((k for k in ("exact", "prefix", "suffix", "contains") if f"{k}_match" in matcher), "")
    if kind:
        return f"{name}: {no}{describe_string({kind: matcher[f'{kind}_match']})}"
    return f"{no}{name} {'present' if matcher.get('present_match', True) else 'absent'}"


def query_matches(matcher: dict[str, Any], path: str) -> bool:
    """envoy.config.route.v3.QueryParameterMatcher: the first value of the name, as it stands in the path."""
    value = query_value(path, as_text(matcher.get("name")))
    if "present_match" in matcher:
        return (value is not None) == bool(matcher["present_match"])
    if value is None:
        return False
    return string_matches(as_dict(matcher["string_match"]), value) if "string_match" in matcher else True


def query_value(path: str, name: str) -> str | None:
    """The first value of a query parameter, not decoded; None where there is none."""
    query = path.partition("?")[2].partition("#")[0]
    for part in query.split("&") if query else ():
        key, _, value = part.partition("=")
        if key == name:
            return value
    return None


@functools.lru_cache(maxsize=8192)
def network(text: str, length: int) -> Address | None:
    """An address with a prefix length; None for what is no address."""
    try:
        return ip_network(f"{text}/{length}", strict=False)
    except ValueError:
        return None


def cidr(value: Any) -> Address | None:
    """envoy.config.core.v3.CidrRange."""
    known = as_dict(value)
    length = known.get("prefix_len", 0)
    return network(as_text(known.get("address_prefix")), length if isinstance(length, int) else 0)


@functools.lru_cache(maxsize=8192)
def _parsed(address: str) -> Any:
    try:
        return ip_address(address)
    except ValueError:
        return None


def holds(block: Address | None, address: str) -> bool:
    """Whether an address lies in a range; an IPv4 address is in no IPv6 range."""
    here = _parsed(address)
    return block is not None and here is not None and here.version == block.version and here in block


def any_holds(ranges: Any, address: str) -> bool:
    """Whether any of a list of CidrRange holds an address."""
    return any(holds(cidr(one), address) for one in dicts(ranges))
