"""Real recordings: the page is small and keeps secrets, the contract holds, every form begins with one sentence."""

from __future__ import annotations

import re

import captures
import jsonschema
import pytest

from bugbundle.analysis import analyze
from bugbundle.bundle import open_bundle
from bugbundle.report import html, text
from bugbundle.report.json import document, schema


@pytest.mark.parametrize("name", captures.NAMES or ["healthy"])
def test_a_recording_in_every_form(name: str) -> None:
    analysis = analyze(open_bundle(captures.bundle_folder(name)))
    made = document(analysis)
    jsonschema.validate(made, schema(), cls=jsonschema.Draft202012Validator)
    said = text.render(analysis)
    page = html.render(analysis)
    assert said.startswith(made["headline"][:500])
    assert ("No problem found" in said) == (not analysis.diagnoses)
    assert len(page.encode()) < 1_000_000
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    secret = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY|s3cr3t-LAB|LS0tLS1CRUdJTiB")
    assert not any(secret.search(form) for form in (said, page, repr(made)))
