"""Score the doctor on the cases of tests/cases: does the first diagnosis name the cause?

`python tools/accuracy.py [--batch N] [NAME …]` prints a line per case and the totals of each batch. A quiet case holds
where there is neither a diagnosis nor an Error.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from cases import FOLDER, Case, all_cases

from bugbundle.analysis import analyze
from bugbundle.diagnosis import Diagnosis
from bugbundle.report.headline import headline
from bugbundle.rules import Level

OUTCOMES = FOLDER / "outcomes.json"


def outcomes() -> dict[str, str]:
    """What became of each case when it was last written down."""
    found: dict[str, str] = json.loads(OUTCOMES.read_text()) if OUTCOMES.is_file() else {}
    return found


@dataclass(frozen=True)
class Score:
    """What became of one case: `first`, `later` (a later diagnosis names the cause), `missed`, `quiet`, `loud`."""

    case: Case
    outcome: str
    headline: str
    silent: bool
    """Nothing at all was told, though something is broken."""

    @property
    def good(self) -> bool:
        """Whether it is what it should be."""
        return self.outcome in ("first", "quiet")


def score(case: Case) -> Score:
    """Analyze one case."""
    found = analyze(case.bundle())
    text = headline(found).text
    if case.quiet:
        errors = [finding for finding in found.findings if finding.level == Level.ERROR]
        return Score(case, "loud" if found.diagnoses or errors else "quiet", text, False)
    hits = [number for number, one in enumerate(found.diagnoses) if names(case, one)]
    outcome = "first" if hits[:1] == [0] else "later" if hits else "missed"
    return Score(case, outcome, text, not found.diagnoses)


def names(case: Case, diagnosis: Diagnosis) -> bool:
    """Whether a diagnosis names an object of the cause, in words that touch it."""
    cause = diagnosis.cause
    refs = {cause.origin, *diagnosis.objects}
    named = {f"{ref.namespace}/{ref.kind}/{ref.name}".lstrip("/") for ref in refs}
    text = "\n".join([diagnosis.title, cause.message, *(proof.text for proof in cause.proofs)])
    return bool(named & set(case.first)) and re.search(case.words, text, re.I | re.S) is not None


def main() -> int:
    """Score the cases; 0 where all are good."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--batch", type=int, help="only the cases of this batch")
    options.add_argument("--workers", type=int, default=2, help="processes")
    options.add_argument("--write", action="store_true", help="write tests/cases/outcomes.json, which the tests hold")
    options.add_argument("names", nargs="*", metavar="NAME", help="only these cases")
    chosen = options.parse_args()
    wanted = [
        case
        for case in all_cases()
        if (chosen.batch is None or case.batch == chosen.batch) and (not chosen.names or case.name in chosen.names)
    ]
    totals: dict[int, list[Score]] = defaultdict(list)
    with ProcessPoolExecutor(chosen.workers) as pool:
        for one in pool.map(score, wanted):
            totals[one.case.batch].append(one)
            print(f"{one.outcome:7} {one.case.name:34} {one.headline}", flush=True)
    for batch, scores in sorted(totals.items()):
        ill = [one for one in scores if not one.case.quiet]
        calm = [one for one in scores if one.case.quiet]
        print(
            f"batch {batch}: cause first in {sum(one.good for one in ill)} of {len(ill)}, "
            f"later in {sum(one.outcome == 'later' for one in ill)}, nothing told in {sum(one.silent for one in ill)}; "
            f"quiet {sum(one.good for one in calm)} of {len(calm)}"
        )
    if chosen.write:
        known = outcomes() | {one.case.name: one.outcome for scores in totals.values() for one in scores}
        there = {case.name for case in all_cases()}
        kept = {name: outcome for name, outcome in sorted(known.items()) if name in there}
        OUTCOMES.write_text(json.dumps(kept, indent=2) + "\n")
    return 0 if all(one.good for scores in totals.values() for one in scores) else 1


if __name__ == "__main__":
    sys.exit(main())
