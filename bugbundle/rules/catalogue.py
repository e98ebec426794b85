"""The one list of rules, by family. A rule that is not here does not exist."""

from __future__ import annotations

import importlib

from bugbundle.rules.model import RULES, Rule

CONTROL_PLANE: tuple[str, ...] = ()
SYNC: tuple[str, ...] = ()
PROXY: tuple[str, ...] = ()
CERTIFICATES: tuple[str, ...] = ()
AMBIENT: tuple[str, ...] = ()
INJECTION: tuple[str, ...] = ()
TRAFFIC: tuple[str, ...] = ()
KUBERNETES: tuple[str, ...] = ()
BUNDLE: tuple[str, ...] = ()
ISTIO: tuple[str, ...] = ()

MODULES = (
    *CONTROL_PLANE,
    *SYNC,
    *PROXY,
    *CERTIFICATES,
    *AMBIENT,
    *INJECTION,
    *TRAFFIC,
    *KUBERNETES,
    *BUNDLE,
    *ISTIO,
)


def all_rules() -> list[Rule]:
    """Every rule, in the order of the list."""
    for name in MODULES:
        importlib.import_module(f"bugbundle.rules.{name}")
    return list(RULES.values())
