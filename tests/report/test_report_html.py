"""The page: whole, harmless, and of bounded size."""

from __future__ import annotations

import base64
import hashlib
from html.parser import HTMLParser

import meshes
import pytest
from report_cases import HOSTILE

from bugbundle.analysis import Analysis, analyze
from bugbundle.bundle import Bundle
from bugbundle.report.html import render
from bugbundle.rules import Rule


class Page(HTMLParser):
    """Elements with their attributes, and the text outside of style and script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.inline: dict[str, str] = {}
        self.headings: list[str] = []
        self._heading = False
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        if tag in ("h1", "h2"):
            self._heading = True
            self.headings.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""
        if tag in ("h1", "h2"):
            self._heading = False

    def handle_data(self, data: str) -> None:
        if self._inside in ("style", "script"):
            self.inline[self._inside] = self.inline.get(self._inside, "") + data
        else:
            self.words.append(data)
            if self._heading:
                self.headings[-1] += data

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.elements if name == tag]


def test_the_diagnosis_comes_first_and_everything_has_its_place(broken: Analysis) -> None:
    page = Page(render(broken))
    assert [" ".join(heading.split()) for heading in page.headings] == [
        "app-0-5f4d9c7b8-00000.team-0 has fallen behind",
        "What to do",
        "Why it matters",
        "Consequences",
        "Evidence",
        "What could not be looked at",
        "Findings",
        "Sync: is Envoy running what istiod says?",
        "Drift: what istiod says, what Envoy has",
        "Certificates",
        "Inventory",
        "What was checked",
        "The recording",
    ]
    for words in (
        "What to do Look at port 15012 with nc , then restart the pod.",
        "secrets is forbidden",
        "Out of sync: 6 proxies",
        "app-0-5f4d9c7b8-00003.team-0 and 1 proxy alike",
        "✗ expired 1 hour before the capture (1 of 5)",
        "istiod-7d4f9c-aaaaa.istio-system 1.29.6 default ✓ ready",
        "Taken out 3 key",
    ):
        assert words in page.text


def test_the_page_asks_for_nothing_and_allows_only_its_own_style_and_script(broken: Analysis) -> None:
    page = Page(render(broken))
    links = [attrs["href"] for attrs in page.all("a")]
    assert all(link is not None and link.startswith("#") for link in links)
    assert [attrs["href"] for attrs in page.all("link")] == ["data:,"]
    assert not page.all("img")
    assert not any("style" in attrs or any(name.startswith("on") for name in attrs) for _, attrs in page.elements)
    (policy,) = [a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    digests = {
        tag: "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"
        for tag, text in page.inline.items()
    }
    assert policy == (
        f"default-src 'none'; style-src {digests['style']}; script-src {digests['script']}; img-src data:;"
        " base-uri 'none'; form-action 'none'"
    )


def test_every_link_leads_somewhere_and_every_id_is_one_of_a_kind(broken: Analysis) -> None:
    page = Page(render(broken))
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {attrs["href"] for attrs in page.all("a")} <= {f"#{name}" for name in ids}


def test_hostile_names_are_shown_not_obeyed(broken: Analysis) -> None:
    text = render(broken)
    assert "<img" not in text
    assert text.count("</script>") == 1
    assert "\u202e" not in text
    assert "\x1b" not in text
    shown = Page(text).text
    assert "</script><img src=x onerror=alert(1)>\\u202egnp.exe\\u001b[31m`|*" in shown


def test_a_name_of_ten_thousand_letters_is_cut_and_counted(rules: list[Rule]) -> None:
    text = render(analyze(meshes.bundle(3, stale=1, hostile="n" * 10_000), rules))
    assert "n" * 3000 not in text
    assert "8,000 characters more" in Page(text).text


def test_secrets_in_a_drift_are_taken_out(rules: list[Rule]) -> None:
    made = dict(meshes.bundle(2, drifting=1))
    entry = "proxies/team-0/app-0-5f4d9c7b8-00000/config_dump.json"
    claims = b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0"
    token = b"Bearer " + claims + b".dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
    made[entry] = made[entry].replace(b'"alt_stat_name": "cart"', b'"alt_stat_name": "' + token + b'"')
    text = render(analyze(Bundle.from_entries(made), rules))
    assert "alt_stat_name" in text
    assert "dozjgNryP4J3" not in text


def test_both_values_of_a_drift_stand_side_by_side_with_the_difference_marked(rules: list[Rule]) -> None:
    text = render(analyze(meshes.bundle(5, drifting=2), rules))
    assert "/connect_timeout" in text
    assert "<mark>3s</mark>" in text
    assert "<mark>1s</mark>" in text
    assert "and 1 proxy alike" in Page(text).text


def test_a_healthy_mesh_says_so_and_what_was_checked(healthy: Analysis) -> None:
    page = Page(render(healthy))
    assert page.text.index("No problem found Checked 1 rule over 20 proxies, 2 istiods and 0 ztunnels.") > 0
    assert "20 proxies all in sync" in page.text
    assert "No finding of any level." in page.text
    assert "Drift: what istiod says" not in page.text


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({}, "Nothing can be told: this bundle holds no proxy, istiod, ztunnel or Kubernetes object"),
        ({"bundle.json": '{"format": 1}', "logs/shop/web/app.log": "hello"}, "time unknown"),
        ({"proxies/shop/web/config_dump.json": "[1, 2"}, "no manifest.json"),
        ({"k8s/api/v1/pods.json": '{"items": [{"metadata": {"name": 7, "labels": [1]}}, null]}'}, "no manifest.json"),
    ],
)
def test_little_is_enough_for_a_page(entries: dict[str, str], words: str, rules: list[Rule]) -> None:
    assert words in Page(render(analyze(Bundle.from_entries(entries), rules[:1]))).text


def test_a_thousand_proxies_fit_and_what_is_left_out_is_counted(rules: list[Rule]) -> None:
    found = analyze(meshes.bundle(1000, stale=300, drifting=20, absent=10), rules)
    text = render(found)
    assert len(text.encode()) < 5_000_000
    page = Page(text).text
    assert "Out of sync: 330 proxies" in page
    assert "670 proxies in 134 rows" in page
    assert "100 of 320 are shown" in page


def test_a_thousand_proxies_of_which_each_drifts_in_its_own_way(rules: list[Rule]) -> None:
    text = render(analyze(meshes.bundle(1000, drifting=1000, fat=20), rules))
    assert len(text.encode()) < 5_000_000
    assert "The drift of 940 proxies more is not shown." in Page(text).text


def test_the_hostile_name_of_these_tests_is_hostile() -> None:
    assert {"<", "\u202e", "\x1b", "`", "|"} <= set(HOSTILE)
