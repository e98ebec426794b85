"""A kubeconfig, and what is wrong with one: said in kubectl's words, with what the credential plugin said.

The client logs a plugin's failure and goes on as `system:anonymous`, which the API server then forbids everything;
kubectl says what failed.
"""

from __future__ import annotations

import logging
import os
import re
from typing import Any

import yaml
from kubernetes import client, config
from kubernetes.config.kube_config import KubeConfigMerger

from bugbundle.collect.reply import one_line
from bugbundle.errors import BugbundleError
from bugbundle.redact.gate import Gate, Leak

DEFAULT = "~/.kube/config"
logging.getLogger().addHandler(logging.NullHandler())
_RETURNED = re.compile(r"exec: process returned (-?\d+)(?:\. )?(.*)", re.DOTALL)


class ClusterError(BugbundleError):
    """No cluster can be asked: no kubeconfig, no server, no right."""


def load(path: str, context: str, into: client.Configuration) -> None:
    """Set `into` to what the kubeconfig (empty: the client's choice) says of `context`. Raises `ClusterError`."""
    where = path or os.environ.get("KUBECONFIG", "") or DEFAULT
    heard = _Heard()
    try:
        with heard:
            config.load_kube_config(  # type: ignore[no-untyped-call]
                path or None, context or None, client_configuration=into, persist_config=False
            )
    except config.ConfigException as error:
        raise _unusable(str(error), where, path, context) from None
    except (OSError, yaml.YAMLError, ValueError, TypeError, KeyError, AttributeError):
        raise ClusterError("is not a kubeconfig that can be read", where=where, todo="Check the file") from None
    plugin = _part(path, context)[2].get("exec")
    if isinstance(plugin, dict) and heard.lines and not into.api_key and not into.cert_file:
        raise _plugin(plugin, heard.lines[-1], where)


def names(path: str, context: str) -> tuple[str, str]:
    """The cluster's name and the namespace of the context."""
    found, _, _ = _part(path, context)
    return str(found.get("cluster") or "cluster"), str(found.get("namespace") or "")


def _part(path: str, context: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The context, its cluster, its user; each empty where it is not there."""
    try:
        merged = KubeConfigMerger(path or os.environ.get("KUBECONFIG", "") or DEFAULT).config  # type: ignore[no-untyped-call]
        whole = merged.value if merged is not None else {}
    except (config.ConfigException, OSError, yaml.YAMLError, ValueError, TypeError, KeyError, AttributeError):
        whole = {}
    chosen = _named(whole, "contexts", context or str(whole.get("current-context") or "")).get("context") or {}
    cluster = _named(whole, "clusters", str(chosen.get("cluster"))).get("cluster") or {}
    user = _named(whole, "users", str(chosen.get("user"))).get("user") or {}
    return chosen, cluster, user


def _named(whole: dict[str, Any], kind: str, name: str) -> dict[str, Any]:
    rows = [getattr(row, "value", row) for row in whole.get(kind) or ()]
    return next((row for row in rows if isinstance(row, dict) and row.get("name") == name), {})


def _unusable(reason: str, where: str, path: str, context: str) -> ClusterError:
    chosen, cluster, _ = _part(path, context)
    if chosen.get("cluster") and not cluster:
        said = f"context {context!a}" if context else "the current context"
        problem = f"{said} names the cluster {str(chosen['cluster'])!a}, which is not in it"
        return ClusterError(problem, where=where, todo="See kubectl config get-clusters")
    if context and context in reason:
        return ClusterError(f"has no context {context!a}", where=where, todo="See kubectl config get-contexts")
    todo = "Set KUBECONFIG, or give --kubeconfig FILE"
    return ClusterError("no usable kubeconfig is here", where=where, todo=todo)


def _plugin(plugin: dict[str, Any], said: str, where: str) -> ClusterError:
    """As kubectl tells it (client-go plugin/pkg/client/auth/exec: `wrapCmdRunErrorLocked`)."""
    command = str(plugin.get("command") or "")
    returned = _RETURNED.match(said)
    if returned:
        words = f"executable {command} failed with exit code {returned[1]}"
        words += f": {_clean(returned[2])}" if returned[2].strip() else ""
    elif "No such file" in said or "not found" in said:
        words = f"executable {command} not found"
    else:
        words = _clean(said.removeprefix("exec: "))
    hint = str(plugin.get("installHint") or "").strip()
    todo = hint if hint and "not found" in words else f"Run {command} by hand, or log in again"
    return ClusterError(f"getting credentials: exec: {words}", where=where, todo=one_line(todo.encode()).rstrip("."))


def _clean(text: str) -> str:
    """On one line, without what a plugin may have printed of a secret."""
    try:
        return one_line(Gate().redact("plugin.log", text.encode("utf-8", "replace")).body)
    except Leak:
        return "(its output is left out, as it holds a secret)"


class _Heard(logging.Handler):
    """What the client logs meanwhile; it goes nowhere else."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._before: list[logging.Handler] = []

    def emit(self, record: logging.LogRecord) -> None:
        """One more line."""
        self.lines.append(record.getMessage())

    def __enter__(self) -> _Heard:
        root = logging.getLogger()
        self._before = list(root.handlers)
        root.handlers[:] = [self]
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger().handlers[:] = self._before
