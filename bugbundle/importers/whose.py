"""Whose a file is, where its content does not say: by the names in its path."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from bugbundle.errors import BugbundleError
from bugbundle.importers.draft import Draft
from bugbundle.importers.objects import Group, Object

_ENDINGS = re.compile(r"(\.(json|log|txt|yaml|yml|out|prom))+$")
UNKNOWN = "unknown"
"""The namespace of a file that does not say whose it is."""


@dataclass
class Names:
    """The pods that are known: name → namespace; of which kind they are."""

    pods: dict[str, str] = field(default_factory=dict)
    ztunnels: set[str] = field(default_factory=set)
    istiods: list[tuple[str, str]] = field(default_factory=list)

    def know(self, namespace: str, pod: str) -> None:
        """A pod that some file named."""
        if namespace and pod:
            self.pods.setdefault(pod, namespace)

    def istiod(self, namespace: str, pod: str) -> None:
        """A pod of istiod."""
        self.know(namespace, pod)
        if (namespace, pod) not in self.istiods:
            self.istiods.append((namespace, pod))

    def learn(self, draft: Draft) -> None:
        """The pods of the Kubernetes objects in a draft; istiod and ztunnel by the label `app`."""
        for known in list(draft.lists.values()):
            if known.kind == "Pod":
                for group in known.groups:
                    for item in _loaded(group):
                        self._pod(item.get("metadata"))

    def _pod(self, meta: object) -> None:
        if not isinstance(meta, dict):
            return
        name, namespace, labels = meta.get("name"), meta.get("namespace"), meta.get("labels")
        if not isinstance(name, str) or not isinstance(namespace, str):
            return
        self.know(namespace, name)
        app = labels.get("app") if isinstance(labels, dict) else None
        if app == "istiod":
            self.istiod(namespace, name)
        elif app == "ztunnel":
            self.ztunnels.add(name)

    def of(self, path: str) -> tuple[str, str]:
        """(namespace, pod) of a path: of a pod that is known, else of two folders that can be a namespace and a pod.

        A name that tells nothing stands for a pod of the namespace `unknown`.
        """
        for part in reversed(path.split("/")):
            stem = _ENDINGS.sub("", part)
            for pod in sorted(self.pods, key=len, reverse=True):
                if re.search(rf"(?:^|[^a-z0-9]){re.escape(pod)}(?:$|[^a-z0-9-]|-(?:config|dump|log))", stem):
                    return self.pods[pod], pod
        stem = _ENDINGS.sub("", path.rpartition("/")[2]).lower()
        return UNKNOWN, as_name(stem)


def _loaded(group: Group) -> list[Object]:
    try:
        return group.load()
    except BugbundleError:
        return []


def as_name(text: str) -> str:
    """A text as a name of Kubernetes."""
    made = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:63]
    return made or "file"
