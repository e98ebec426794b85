"""The comparison itself: look at both, hold everything against everything, tell one story."""

from __future__ import annotations

from bugbundle.bundle import Bundle
from bugbundle.compare import made, together
from bugbundle.compare.clean import Cleaner
from bugbundle.compare.counters import faster
from bugbundle.compare.filters import Filter
from bugbundle.compare.findings import settle
from bugbundle.compare.flows import flows
from bugbundle.compare.headline import headline
from bugbundle.compare.logs import said
from bugbundle.compare.look import Look, look
from bugbundle.compare.loss import lost, population, silent
from bugbundle.compare.model import Change, Comparison
from bugbundle.compare.noise import Noise
from bugbundle.compare.objects import Objects
from bugbundle.compare.resources import Resources
from bugbundle.compare.story import Story


def compare(before: Bundle, after: Bundle, only: Filter | None = None) -> Comparison:
    """Two bundles held against each other. Runs all rules over both."""
    return compare_looks(look(before), look(after), before, after, only)


def compare_looks(one: Look, two: Look, before: Bundle, after: Bundle, only: Filter | None = None) -> Comparison:
    """As `compare`, of bundles that were looked at already."""
    only = only or Filter()
    noise = Noise()
    bundles = (before, after)
    objects = Objects(one, two, bundles, noise)
    cleaner = Cleaner()
    changed = only.objects(objects.changes(), noise)
    for one_change in changed:
        one_change.fields = cleaner.fields(one_change.fields, "k8s/-.json")
    roots = [made.of_object(change) for change in changed]
    together.join(roots, {change.ref: change.after or change.before for change in changed})
    found = settle(one, two)
    story = Story(one, two, roots, found.appeared)
    result = Comparison(one.side, two.side)
    result.changes = _unique(
        story.settle(
            proxies=list(made.of_proxies(one, two)),
            findings=[made.of_finding(finding, two) for finding in found.appeared],
            resources=_resources(one, two, bundles, noise, cleaner),
            signals=_signals(one, two, cleaner),
            flows=lambda found: flows(found, (one, two), bundles),
            others=[*made.of_certificates(one, two), *made.of_versions(one, two), *made.of_pods(one, two)],
        )
    )
    result.changes = only.changes(result.changes)
    result.causes = frozenset(item.cause.id for look in (one, two) for item in look.diagnoses)
    result.appeared, result.disappeared, result.remained = found.appeared, found.disappeared, found.remained
    result.not_comparable = [*lost(one, two), *objects.not_comparable, *found.not_comparable]
    result.ignored = noise.told()
    result.populations = {
        "proxies": population(one, two, _proxies(one), _proxies(two)),
        "workloads": population(one, two, {str(r) for r in one.owners.values()}, {str(r) for r in two.owners.values()}),
    }
    result.headline = headline(result)
    return result


def _proxies(look: Look) -> set[str]:
    """The workloads of the proxies, with kind and revision: a rolled one is the same."""
    return {
        f"{proxy.kind} of {proxy.workload}{f' (revision {proxy.revision})' if proxy.revision else ''}"
        for proxy in look.proxies.values()
    }


def _resources(one: Look, two: Look, bundles: tuple[Bundle, Bundle], noise: Noise, cleaner: Cleaner) -> list[Change]:
    total = sum(1 for proxy in two.proxies.values() if proxy.recorded)
    found = Resources(one, two, bundles, noise).changes()
    for change in found:
        change.fields = cleaner.fields(change.fields, "proxies/-/-/config_dump.json")
    return [made.of_resource(change, total) for change in found]


def _signals(one: Look, two: Look, cleaner: Cleaner) -> list[Change]:
    lines = sorted(
        said(one.logs, two.logs, one.side.started, two.side.started, silent(one, two)),
        key=lambda item: (-item.plane, -item.after),
    )
    lines = [item._replace(sample=cleaner.line(item.sample)) for item in lines]
    return [*map(made.of_log, lines), *map(made.of_counter, faster(one.counters, two.counters))]


def _unique(changes: list[Change]) -> list[Change]:
    """Each id once: what two would share goes by the first."""
    return list({change.id: change for change in reversed(changes)}.values())[::-1]
