"""The first line: what changed that matters, and what came of it."""

from __future__ import annotations

from bugbundle.compare.model import Change, Comparison
from bugbundle.compare.wording import when
from bugbundle.words import clip, some

ORDER = ("resource", "proxy", "flow", "finding", "log", "counter")


def headline(result: Comparison) -> str:
    """One line about a comparison."""
    roots = result.roots
    if not roots:
        if result.not_comparable:
            number = some(len(result.not_comparable), "thing")
            return f"Nothing changed in what both bundles show; {number} could not be compared"
        return "Nothing changed"
    return chain(result, roots[0])


def chain(result: Comparison, root: Change) -> str:
    """`VirtualService shop/cart: …weight: 10 → 100 (kubectl, 14:02) → RDS 80 changed in 12 of 14 proxies → …`."""
    parts = [clip(root.summary, 240) + when(root, result.after.started)]
    known = {change.id: change for change in result.changes}
    below = [known[ident] for ident in root.consequences if ident in known]
    for kind in ORDER:
        found = [one for one in below if one.kind == kind and one.level != "Info"]
        if not found:
            continue
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        parts.append(clip(found[0].summary, 160) + more)
    return " → ".join(parts)
