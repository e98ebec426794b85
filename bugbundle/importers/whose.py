"""Whose a file is, where its content does not say: by the names in its path."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from bugbundle.importers.draft import Draft

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_SPLIT = re.compile(r"[/_@+,]|\.(?:json|log|txt|yaml|yml|out)\b|\.")
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
        for path, known in draft.lists.items():
            if known.kind != "Pod":
                continue
            for group in known.groups:
                for item in _loaded(group):
                    meta = item.get("metadata") if isinstance(item.get("metadata"), dict) else {}
                    name, namespace = meta.get("name"), meta.get("namespace")
                    if not isinstance(name, str) or not isinstance(namespace, str):
                        continue
                    self.know(namespace, name)
                    labels = meta.get("labels")
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
            stem = re.sub(r"(\.(json|log|txt|yaml|yml|out|prom))+$", "", part)
            for pod in sorted(self.pods, key=len, reverse=True):
                if re.search(rf"(?:^|[^a-z0-9]){re.escape(pod)}(?:$|[^a-z0-9-]|-(?:config|dump|log))", stem):
                    return self.pods[pod], pod
        stem = re.sub(r"(\.(json|log|txt|yaml|yml|out|prom))+$", "", path.rpartition("/")[2]).lower()
        return UNKNOWN, as_name(stem)


def _loaded(group):  # type: ignore[no-untyped-def]
    from bugbundle.errors import BugbundleError

    try:
        return group.load()
    except BugbundleError:
        return []


def as_name(text: str) -> str:
    """A text as a name of Kubernetes."""
    made = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:63]
    return made or "file"
