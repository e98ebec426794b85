"""Any JSON in any place of a dump gives an answer or an error of ours."""

import contextlib
import copy
import io
import json
from collections.abc import Iterator
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from bugbundle.bundle import Bundle
from bugbundle.cli import main
from bugbundle.mesh import Mesh

HERE = Path(__file__).parent / "istioctl"
PAGES = {name: json.loads((HERE / name).read_text()) for name in ("config_dump.json", "clusters.json")}
WORDS = ["all", "bootstrap", "cluster", "ecds", "eds", "endpoint", "listener", "route", "secret"]
ODD = st.recursive(
    st.sampled_from([None, True, 0, -1, 5.5, 1e300, 10**30, "", "x", "-5", "9" * 30, "\u2028"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["@type", "name", "a"]), inner),
    max_leaves=3,
)


def places(value: object, path: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    """Every place in a JSON value."""
    rows = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in rows:
        yield (*path, key)
        yield from places(item, (*path, key))


PLACES = {name: list(places(page)) for name, page in PAGES.items()}


@settings(max_examples=250, deadline=None)
@given(st.data())
def test_odd_values_anywhere(data: st.DataObject):
    word = data.draw(st.sampled_from(WORDS))
    name = "clusters.json" if word == "endpoint" else "config_dump.json"
    page = copy.deepcopy(PAGES[name])
    place = data.draw(st.sampled_from(PLACES[name]))
    target = page
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = data.draw(ODD)
    words = ["pc", word, "B", "-o", data.draw(st.sampled_from(["short", "json", "yaml"]))]
    known = {"B": Mesh(Bundle.from_entries({f"proxies/shop/web-1/{name}": json.dumps(page)}))}
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words, known)
    assert code == 0 or "Error: " in err.getvalue()
