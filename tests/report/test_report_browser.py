"""The page in a real browser: headless Chromium, wide and narrow, light and dark, with and without scripts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import meshes
import pytest
from report_cases import HOSTILE, RULE_LIST

from bugbundle.analysis import analyze
from bugbundle.report.html import render
from bugbundle.rules.model import RULES

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
VIEWS = [(1280, "light"), (1280, "dark"), (400, "light"), (400, "dark")]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A broken mesh with hostile names, a healthy one, and one of 300 proxies."""
    folder = tmp_path_factory.mktemp("pages")
    before = dict(RULES)
    RULES.update({rule.code: rule for rule in RULE_LIST})
    try:
        made = {
            "broken": render(analyze(meshes.bundle(20, stale=3, drifting=2, absent=1, hostile=HOSTILE), RULE_LIST)),
            "healthy": render(analyze(meshes.bundle(20), RULE_LIST[:1])),
            "large": render(analyze(meshes.bundle(300, stale=60, drifting=5, absent=5), RULE_LIST)),
        }
    finally:
        RULES.clear()
        RULES.update(before)
    for name, text in made.items():
        (folder / f"{name}.html").write_text(text, "utf-8")
    return {name: folder / f"{name}.html" for name in made}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine (make browser installs Debian's)")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        shown = driver.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield shown
        shown.close()


class Visit:
    """One page in one window, and all that it said and asked for."""

    def __init__(self, browser: Any, path: Path, width: int, scheme: str, *, scripts: bool = True) -> None:
        self.said: list[str] = []
        self.asked: list[str] = []
        size = {"width": width, "height": 900 if width > 600 else 800}
        self.context = browser.new_context(viewport=size, color_scheme=scheme, java_script_enabled=scripts)
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())
        self.uri = path.as_uri()


@pytest.mark.parametrize("name", ["broken", "healthy", "large"])
@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_a_page_is_quiet_alone_and_as_wide_as_the_window(
    browser: Any, pages: dict[str, Path], name: str, width: int, scheme: str
) -> None:
    visit = Visit(browser, pages[name], width, scheme)
    assert visit.said == []
    assert visit.asked == [visit.uri]
    wide = visit.page.evaluate("[document.documentElement.scrollWidth, document.body.scrollWidth]")
    assert max(wide) <= width
    box = visit.page.locator("h1").bounding_box()
    assert box["y"] + box["height"] < visit.page.viewport_size["height"]
    visit.context.close()


@pytest.mark.parametrize("width", [400, 1280])
def test_everything_opened_still_fits(browser: Any, pages: dict[str, Path], width: int) -> None:
    visit = Visit(browser, pages["broken"], width, "light")
    visit.page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    visit.context.close()


def test_without_scripts_it_opens_folds_and_filters(browser: Any, pages: dict[str, Path]) -> None:
    visit = Visit(browser, pages["broken"], 1280, "light", scripts=False)
    page = visit.page
    assert page.locator("h1").is_visible()
    assert not page.locator("input[type=search]").first.is_visible()
    assert page.locator(".level-Warning").is_visible()
    page.locator("#show-Warning").uncheck()
    assert not page.locator(".level-Warning").is_visible()
    proof = page.locator(".finding .evidence").first
    assert not proof.is_visible()
    page.locator(".finding summary").first.click()
    assert proof.is_visible()
    assert visit.said == []
    visit.context.close()


def test_the_search_and_links_into_folded_findings(browser: Any, pages: dict[str, Path]) -> None:
    visit = Visit(browser, pages["large"], 1280, "light")
    page = visit.page
    page.locator("input[data-filter=findings]").fill("app-12-5f4d9c7b8-00060")
    assert page.locator(".finding:visible").count() == 1
    page.locator("input[data-filter=findings]").fill("")
    hidden = page.locator(".rest .finding").last
    page.goto(f"{visit.uri}#{hidden.get_attribute('id')}")
    assert hidden.is_visible()
    assert visit.said == []
    visit.context.close()


CONTRAST = """() => {
  const part = v => v / 255 <= .03928 ? v / 255 / 12.92 : ((v / 255 + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * part(r) + .7152 * part(g) + .0722 * part(b);
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const ground = node => {
    for (let up = node; up; up = up.parentElement) {
      const colour = parse(getComputedStyle(up).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = { seen: 0, faint: [] };
  document.querySelectorAll('body *').forEach(node => {
    const own = [...node.childNodes].some(child => child.nodeType === 3 && child.textContent.trim());
    if (!own || !node.checkVisibility() || node.closest('script, .anchor')) return;
    const style = getComputedStyle(node);
    const ink = light(parse(node.closest('svg') ? style.fill : style.color));
    const paper = light(ground(node));
    const ratio = (Math.max(ink, paper) + .05) / (Math.min(ink, paper) + .05);
    found.seen += 1;
    if (ratio < 4.5) found.faint.push([node.tagName, node.textContent.slice(0, 30), ratio.toFixed(2)]);
  });
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_is_enough_to_read(browser: Any, pages: dict[str, Path], scheme: str) -> None:
    """WCAG 2 AA: 4.5 to 1 for every text that is seen."""
    visit = Visit(browser, pages["broken"], 1280, scheme)
    visit.page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    found = visit.page.evaluate(CONTRAST)
    assert found["faint"] == []
    assert found["seen"] > 300
    visit.page.evaluate("document.querySelector('h1').style.setProperty('color', '#777')")
    assert [tag for tag, _, _ in visit.page.evaluate(CONTRAST)["faint"]] == ["H1"]
    visit.context.close()


def test_printed_pages_show_what_is_folded(browser: Any, pages: dict[str, Path]) -> None:
    visit = Visit(browser, pages["broken"], 1280, "dark")
    visit.page.emulate_media(media="print")
    assert visit.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not visit.page.locator("nav").is_visible()
    assert visit.page.evaluate(
        "getComputedStyle(document.querySelector('.finding details'), '::details-content').contentVisibility"
    ) in ("visible", "")
    assert len(visit.page.pdf(format="A4")) > 10_000
    visit.context.close()
