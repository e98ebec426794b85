"""What is said first: the first diagnosis, or that there is none, or that nothing could be looked at."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bugbundle.analysis import Analysis
from bugbundle.report.words import clip, count, line
from bugbundle.rules import Level

LONG, SHORT = 110, 30
"""Characters: a title longer than LONG is cut behind a claim of at least SHORT."""

PROGRAMS = frozenset({"istiod", "ztunnel", "kubectl", "istioctl"})
FINE = "Fine"
UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Headline:
    """`level` is a rule's level, `Fine` or `Unknown`; `title` one sentence."""

    level: str
    title: str

    @property
    def claim(self) -> str:
        """A long title up to its first colon or semicolon; a short one whole."""
        return self._cut()[0]

    @property
    def rest(self) -> str:
        """What stands behind the claim."""
        return self._cut()[1]

    def _cut(self) -> tuple[str, str]:
        parts = re.split(r"[:;] ", self.title, maxsplit=1)
        if len(self.title) <= LONG or len(parts) == 1 or not SHORT <= len(parts[0]) <= 2 * LONG:
            return self.title, ""
        rest = parts[1]
        return parts[0], rest.capitalize()[0] + rest[1:] if re.match(r"[a-z]+[ ,]", rest) else rest

    @property
    def text(self) -> str:
        """The first line of every output."""
        return f"{self.level}: {self.title}" if self.level in list(Level) else self.title


def sentence(text: str) -> str:
    """With a capital letter, unless it begins with a name: of a program (`istiod`), an object (`web.shop`), a flag."""
    word = re.match(r"[a-z]+(?= )", text)
    return text if word is None or word[0] in PROGRAMS else text[0].upper() + text[1:]


def headline(analysis: Analysis) -> Headline:
    """The most important thing about a bundle."""
    if analysis.diagnoses:
        first = analysis.diagnoses[0]
        return Headline(str(first.cause.level), sentence(line(first.title)))
    if analysis.findings and analysis.findings[0].level is Level.ERROR:
        worst = analysis.findings[0]
        return Headline(str(worst.level), line(f"{worst.origin}: {worst.message}"))
    unexplained = [one for one in analysis.unexplained if one.grave]
    if unexplained:
        more = f" (and {count(len(unexplained) - 1, 'other symptom')})" if len(unexplained) > 1 else ""
        return Headline(str(Level.WARNING), f"Unexplained: {clip(line(unexplained[0].text), 300)}{more}")
    mesh, checked = analysis.mesh, analysis.outcome.checked
    if not (mesh.proxies or mesh.istiods or mesh.ztunnels or mesh.kube.resources()):
        return Headline(
            UNKNOWN, "Nothing can be told: this bundle holds no proxy, istiod, ztunnel or Kubernetes object"
        )
    if mesh.bundle.damage:
        return Headline(UNKNOWN, "No problem found in what is left of the recording, which is cut off or damaged")
    if 2 * sum(1 for number in checked.values() if not number) > len(checked):
        return Headline(UNKNOWN, "No problem found, but most of the mesh could not be looked at")
    if analysis.not_evaluated or analysis.broken:
        return Headline(FINE, f"No problem found in what could be looked at{minor(analysis)}")
    return Headline(FINE, f"No problem found{minor(analysis)}")


def minor(analysis: Analysis) -> str:
    """`; 2 complaints are unexplained`: warnings that components log, for which no finding accounts."""
    found = len(analysis.unexplained)
    return f"; {count(found, 'complaint')} {'is' if found == 1 else 'are'} unexplained" if found else ""


def looked_at(analysis: Analysis) -> str:
    """`Checked 42 rules over 14 proxies, 1 istiod and 3 ztunnels.`, and what could not be."""
    mesh = analysis.mesh
    ran = sum(1 for number in analysis.outcome.checked.values() if number)
    parts = [
        count(len(mesh.proxies), "proxy"),
        count(len(mesh.istiods), "istiod"),
        count(len(mesh.ztunnels), "ztunnel"),
    ]
    text = f"Checked {count(ran, 'rule')} over {', '.join(parts[:-1])} and {parts[-1]}."
    lacking = {item.code for item in analysis.not_evaluated}
    if lacking:
        text += f" {count(len(lacking), 'rule')} could not look at everything."
    if analysis.broken:
        failed = {item.code for item in analysis.broken}
        text += f" {count(len(failed), 'rule')} failed, which is a defect of bugbundle."
    return text


def tally(analysis: Analysis) -> str:
    """`3 Errors, 1 Warning, 6 Info`; empty where there are no findings."""
    numbers = {level: sum(1 for f in analysis.findings if f.level is level) for level in Level}
    words = {Level.INFO: "Info"}
    return ", ".join(count(n, str(level), words.get(level, "")) for level, n in numbers.items() if n)
