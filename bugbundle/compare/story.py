"""One story out of many changes: which made which, and which matter most.

A change that people or controllers made is a root; what appeared since is a consequence of the root that explains it
best (`links`). Roots are ranked by what they explain, as Terraform shows a change outside of it only where it explains
a consequence: diagnoses that appeared, proxies that do not follow, flows, then resources, then the kind of object.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from bugbundle.compare.findings import owner_of
from bugbundle.compare.links import WORKLOADS, explains, mesh_wide, restart, weak
from bugbundle.compare.look import Look
from bugbundle.compare.model import Change
from bugbundle.compare.weights import HINTS, LEVELS, PRIORS, REFUSING, SHAPING
from bugbundle.mesh.ref import Ref
from bugbundle.rules import Finding

CROWD = 20
"""From this many objects on a new namespace is told as one change."""

BLAMED = 5.0
"""From this score on a finding names its root, and is not merely near it."""


class Story:
    """Joins changes; `settle` gives them with their links and weights, roots first."""

    def __init__(self, before: Look, after: Look, roots: list[Change], findings: list[Finding]) -> None:
        self._before = before
        self._after = after
        self._objects = roots
        self._found = {finding.id: finding for finding in findings}
        self._first = {item.cause.id: number for number, item in enumerate(after.diagnoses)}
        self._standing: list[Change] = []

    def settle(
        self,
        proxies: list[Change],
        findings: list[Change],
        resources: list[Change],
        signals: list[Change],
        others: list[Change],
        flows: Callable[[list[Change]], list[Change]] | None = None,
    ) -> list[Change]:
        """All changes that are told: `signals` are logs and counters, `others` certificates, versions, pods;
        `flows` gives the flows that differ around the roots that it is given, the most important first."""
        for root in self._objects:
            root.weight = self._prior(root)
        kept = [*self._objects]
        self._objects = self._without_crowds()
        kept += self._proxies(proxies)
        kept += self._others(others)
        kept += self._findings(findings)
        kept += self._resources(resources)
        kept += self._signals(signals)
        if flows is not None and self._objects:
            kept += self._flows(flows(sorted(self._objects, key=_order)))
        self._back(kept)
        return sorted(kept, key=_order)

    def _without_crowds(self) -> list[Change]:
        """The roots, without the objects of a new namespace that came with many: these are consequences of it."""
        spaces = {
            one.object.name: one for one in self._objects if one.object.kind == "Namespace" and one.change == "added"
        }
        crowds: dict[str, list[Change]] = {}
        for one in self._objects:
            if one.change == "added" and one.object.namespace in spaces:
                crowds.setdefault(one.object.namespace, []).append(one)
        gone = set()
        for name, found in crowds.items():
            if len(found) >= CROWD:
                space = spaces[name]
                space.summary = f"{space.object} added, with {len(found)} objects"
                for one in found:
                    self._join(one, space, 0.0)
                    space.hosts |= one.hosts
                    gone.add(one.id)
        return [one for one in self._objects if one.id not in gone]

    def _prior(self, root: Change) -> float:
        if restart(root):
            return 0.05
        if [item.path for item in root.fields] == ["renewTime"]:
            return 22.0 if "istio" in root.object.name else 4.0
        prior = PRIORS.get(root.object.kind, 0.8)
        if mesh_wide(root.object) and root.object.kind == "ConfigMap":
            prior = 3.2
        if weak(root):
            prior *= 0.3
        if root.change == "removed":
            prior *= 0.7 if root.object.kind in REFUSING else 0.9
        elif root.change == "changed":
            prior *= 1.15
        return prior * (0.8 if root.change == "added" and root.object.kind in WORKLOADS else 1.0)

    def _proxies(self, proxies: list[Change]) -> list[Change]:
        """Each stands for itself, but where its trouble is that of most proxies and something of the mesh changed."""
        bad = [one for one in proxies if one.root]
        most = 2 * len(bad) > len(self._after.proxies) and len(bad) > 2
        for one in bad:
            cause = self._blamed(one, most) or (self._of_mesh() if most else None)
            if cause is not None:
                self._join(one, cause, 8.0)
            else:
                one.weight = 25.0
                self._standing.append(one)
        return proxies

    def _blamed(self, proxy: Change, most: bool) -> Change | None:
        """The changed object that a finding about this proxy names; not one of the mesh, where few proxies suffer."""
        best: tuple[float, Change] | None = None
        for finding in self._found.values():
            if proxy.object not in finding.objects or not finding.code.startswith("BB2"):
                continue
            things = self._things(finding)
            for root in self._objects:
                if not most and mesh_wide(root.object) and root.object.kind in WORKLOADS:
                    continue
                score = explains(root, finding, things, owner_of(self._after, finding.origin))
                if score >= BLAMED and root.object not in proxy.objects and (best is None or score > best[0]):
                    best = (score, root)
                own = root.object in proxy.objects and not restart(root) and root.change == "changed"
                if own and best is None:
                    best = (BLAMED, root)
        return best[1] if best else None

    def _of_mesh(self) -> Change | None:
        found = [root for root in self._objects if mesh_wide(root.object) and not restart(root)]
        return max(found, key=lambda root: root.weight, default=None)

    def _things(self, finding: Finding) -> frozenset[Ref]:
        return frozenset(owner_of(self._after, thing) for thing in finding.objects) | frozenset(finding.objects)

    def _findings(self, changes: list[Change]) -> list[Change]:
        """Each as a consequence of what explains it best; a root where nothing does and it is more than advice."""
        kept: list[Change] = []
        loose: list[Change] = []
        for one in sorted(changes, key=lambda change: (change.level != "Error", self._rank(change))):
            score, cause = self._best(one)
            if cause is None:
                loose.append(one)
                continue
            worth = LEVELS.get(one.level, 0.0) * min(score, 10.0) / 10
            self._join(one, cause, worth * (2.0 if self._rank(one) == 0 else 1.0))
            kept.append(one)
        return kept + self._loose(loose)

    def _rank(self, change: Change) -> int:
        return self._first.get(change.id.removeprefix("finding:"), 1000)

    def _best(self, change: Change) -> tuple[float, Change | None]:
        finding = self._found[change.id.removeprefix("finding:")]
        things = self._things(finding)
        origin = owner_of(self._after, finding.origin)
        scored = [(explains(root, finding, things, origin), root.weight, root) for root in self._objects]
        scored += [(9.0, root.weight, root) for root in self._standing if root.object in finding.objects]
        scored = [item for item in scored if item[0] > 0]
        if scored:
            score, _, cause = max(scored, key=lambda item: (item[0], item[1]))
            named = self._component(finding, things)
            if named is not None and score < BLAMED and finding.level != "Info":
                return 0.0, None
            return score, cause
        only = [root for root in self._objects if not restart(root)]
        return (1.0, only[0]) if len(only) == 1 else (0.0, None)

    def _component(self, finding: Finding, things: frozenset[Ref]) -> Ref | None:
        """The workload of Istio's own that a finding names, and that has not changed."""
        changed = {root.object for root in self._objects}
        found = sorted(thing for thing in things if thing.kind in WORKLOADS - {"Pod"} and mesh_wide(thing))
        return next((thing for thing in found if thing not in changed), None)

    def _loose(self, changes: list[Change]) -> list[Change]:
        """What no changed object explains: the first of those that share objects stands for the others."""
        kept: list[Change] = []
        for one in changes:
            above = next((root for root in self._standing if _speaks_of(one, root)), None)
            if above is not None:
                self._join(one, above, LEVELS.get(one.level, 0.0) / 4)
                kept.append(one)
            elif one.level != "Info":
                finding = self._found[one.id.removeprefix("finding:")]
                one.object = self._component(finding, self._things(finding)) or one.object
                one.root = True
                one.weight = 2 * LEVELS[one.level]
                self._standing.append(one)
                kept.append(one)
        return kept

    def _resources(self, changes: list[Change]) -> list[Change]:
        """Each to the object that istiod names as its source, else of its host, else to what acts on the mesh."""
        kept = []
        for one in changes:
            scored = [(score, root.weight, root) for root in self._objects if (score := self._shapes(root, one)) >= 1.0]
            if not scored:
                continue
            _, _, cause = max(scored, key=lambda item: (item[0], item[1]))
            self._join(one, cause, 0.0)
            kept.append(one)
        reached: dict[str, int] = {}
        for one in kept:
            reached[one.because[0]] = max(reached.get(one.because[0], 0), len(one.affects))
        for root in self._objects:
            root.weight += math.log2(1 + reached.get(root.id, 0)) * (0.3 if root.change == "removed" else 0.6)
        return kept

    def _shapes(self, root: Change, resource: Change) -> float:
        """0 to 6: how well an object explains that a resource differs."""
        if restart(root) or weak(root):
            return 0.0
        score = 1.0 if mesh_wide(root.object) or root.object.kind == "Gateway" else 0.0
        if root.object in resource.objects:
            score = 5.0
        elif root.hosts & resource.hosts:
            score = 3.0
        elif root.object.kind in SHAPING:
            spaces = {name.rpartition(".")[2] for name in resource.affects}
            served = any(f".{root.object.namespace}.svc." in host for host in resource.hosts)
            near = spaces == {root.object.namespace} or served
            score = 2.0 if near else 1.5 if mesh_wide(root.object) else 0.3 if root.object.namespace in spaces else 0.0
        if not score:
            return 0.0
        told = " ".join(f"{item.path} {item.before} {item.after}" for item in resource.fields).lower()
        return score + any(word in told for word in HINTS.get(root.object.kind, ()))

    def _others(self, changes: list[Change]) -> list[Change]:
        kept = []
        for one in changes:
            cause = next((root for root in self._objects if root.object == one.object and not restart(root)), None)
            if cause is None and one.kind == "certificate":
                cause = next(
                    (root for root in self._objects if root.object.kind == "Secret" and "ca" in root.object.name), None
                )
            if cause is not None:
                self._join(one, cause, 0.2)
            elif one.root or (one.kind == "workload" and one.level):
                one.root = True
                one.weight = 30.0 if one.kind == "workload" and mesh_wide(one.object) else 6.0
                self._standing.append(one)
            kept.append(one)
        return kept

    def _signals(self, changes: list[Change]) -> list[Change]:
        """Logs and counters: to a root of the same workload or host; alone where the control plane speaks."""
        kept = []
        for one in sorted(changes, key=lambda change: (change.kind != "log", change.level != "error")):
            cause = self._cause_of_signal(one)
            if cause is not None:
                self._join(one, cause, 1.0)
                kept.append(one)
            elif mesh_wide(one.object) or not self._objects:
                one.root = True
                one.weight = 4.0 if one.level == "error" or one.change == "changed" else 1.0
                self._standing.append(one)
                kept.append(one)
        return kept

    def _cause_of_signal(self, one: Change) -> Change | None:
        roots = [*self._standing, *(root for root in self._objects if not restart(root))]
        for root in roots:
            if root.object == one.object or one.object in root.objects or (root.hosts & one.hosts):
                return root
        if mesh_wide(one.object):
            return None
        near = [root for root in roots if root.object.namespace in ("", one.object.namespace)]
        return max(near, key=lambda root: root.weight, default=roots[0] if len(roots) == 1 else None)

    def _flows(self, changes: list[Change]) -> list[Change]:
        """Each to the object that stands in its way, else to one of its host or namespace."""
        kept = []
        for one in changes:
            scored = [
                (_stands(root, one), root.weight, root)
                for root in self._objects
                if not restart(root) and not weak(root)
            ]
            score, _, cause = max(scored, key=lambda item: (item[0], item[1]), default=(0.0, 0.0, None))
            if cause is not None and score > 0:
                self._join(one, cause, (6.0 if one.level else 1.0) * min(score, 5.0) / 5)
                kept.append(one)
        return kept

    def _join(self, change: Change, cause: Change, weight: float) -> None:
        change.root = False
        change.because = [cause.id]
        cause.weight += weight

    def _back(self, changes: Iterable[Change]) -> None:
        known = {one.id: one for one in changes}
        for one in known.values():
            for ident in one.because:
                if ident in known:
                    known[ident].consequences.append(one.id)


def _stands(root: Change, flow: Change) -> float:
    """How well an object explains that a flow differs."""
    if root.object == flow.object or root.object in flow.objects:
        return 5.0
    if root.hosts & flow.hosts:
        return 4.0
    if root.object.namespace in {flow.object.namespace, *(thing.namespace for thing in flow.objects)}:
        return 1.0
    return 0.5 if mesh_wide(root.object) else 0.0


def _speaks_of(one: Change, root: Change) -> bool:
    """Whether a finding shares an object with a root, or names its workload of Istio's own."""
    if set(one.objects) & {*root.objects, root.object}:
        return True
    return root.kind == "workload" and mesh_wide(root.object) and root.object.name in one.summary


def _order(change: Change) -> tuple[object, ...]:
    kinds = ("proxy", "flow", "finding", "certificate", "version", "workload", "resource", "log", "counter", "object")
    return (not change.root, -round(change.weight, 3), kinds.index(change.kind), -len(change.affects), change.id)
