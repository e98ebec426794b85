"""Injection webhooks that would both be called for one pod (istioctl's webhook.Analyzer)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import analysed
from bugbundle.mesh.config.injection import INJECT, INJECTION, REVISION, Webhook, takers
from bugbundle.mesh.kube import dicts
from bugbundle.words import go_list


def istio_hooks(mesh: Mesh) -> list[Webhook]:
    """The webhooks of the configurations that istioctl looks at: Istio's by name, or with a revision."""
    found: list[Webhook] = []
    for config in analysed(mesh, res.MUTATING):
        hooks = [Webhook(config, number, raw) for number, raw in enumerate(dicts(config.raw.get("webhooks")))]
        named = any(hook.name.endswith("istio.io") for hook in hooks)
        if named or config.labels.get(REVISION) or any(hook.revisions() for hook in hooks):
            found.extend(hooks)
    return found


def overlaps(mesh: Mesh) -> Iterator[tuple[Webhook, str]]:
    """(webhook, text) for every pair that some combination of labels would call both."""
    hooks = istio_hooks(mesh)
    revisions = {rev for hook in hooks for rev in hook.revisions()}
    revisions |= {hook.config.labels[REVISION] for hook in hooks if REVISION in hook.config.labels}
    told: set[tuple[str, tuple[str, ...]]] = set()
    for namespace, pod in product(
        _labels(INJECTION, ("enabled", "disabled"), revisions), _labels(INJECT, ("true", "false"), revisions)
    ):
        called = takers(hooks, namespace, pod)
        for hook in called if len(called) > 1 else ():
            others = tuple(sorted(f"{o.config.name}/{o.name}" for o in called if o is not hook))
            key = (f"{hook.config.name}/{hook.name}", others)
            if key not in told:
                told.add(key)
                text = f"Webhook overlaps with others: {go_list(others)}. This may cause injection to occur twice."
                yield hook, text


def _labels(key: str, values: tuple[str, str], revisions: set[str]) -> list[dict[str, str]]:
    plain: list[dict[str, str]] = [{}, *({key: value} for value in values)]
    return plain + [{**base, REVISION: rev} for rev in sorted(revisions) for base in plain]
