"""One Kubernetes object by `name` or `name.namespace`; where there is none, the names most like it."""

from __future__ import annotations

import difflib

from bugbundle.errors import NotInBundle
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.views.names import DEFAULT_NAMESPACE, split_name


def find_object(mesh: Mesh, resource: str, text: str, namespace: str = "") -> KubeObject:
    """The object. A name without a namespace is looked for in `default`, then everywhere if only one has it.

    Raises `NotInBundle`, with the gap's reason where the whole list was not recorded.
    """
    gap = mesh.kube.gap(resource)
    if gap is not None:
        raise NotInBundle(f"{resource} were not recorded: {gap.reason}", where=gap.path)
    name, where = split_name(text, namespace)
    found = mesh.kube.get(resource, where or DEFAULT_NAMESPACE, name) or mesh.kube.get(resource, where, text)
    named = [item for item in mesh.kube.list(resource) if item.name == text]
    if found is None and not where and len(named) == 1:
        found = named[0]
    if found is None:
        raise NotInBundle(f'{resource} "{name}" not found', todo=_offer(mesh, resource, text))
    return found


def _offer(mesh: Mesh, resource: str, text: str) -> str:
    every = [f"{item.name}.{item.namespace}" for item in mesh.kube.list(resource)]
    begun = [each for each in every if each.startswith(text.partition(".")[0])]
    near = list(dict.fromkeys([*begun, *difflib.get_close_matches(text, every, n=5, cutoff=0.4)]))[:5]
    return f"Nearest: {', '.join(near)}" if near else f"The bundle has {len(every)} {resource}, none like it"
