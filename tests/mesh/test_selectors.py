"""Label selectors, as Kubernetes reads them."""

import pytest

from bugbundle.errors import UsageError
from bugbundle.mesh.selectors import contains, is_never, matches, parse_selector

LABELS = {"app": "web", "tier": ""}


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        (None, False),
        ([], False),
        ({}, True),
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchLabels": {"app": "db"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "db"]}]}, True),
        ({"matchExpressions": [{"key": "none", "operator": "In", "values": ["web"]}]}, False),
        ({"matchExpressions": [{"key": "none", "operator": "NotIn", "values": ["web"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "Odd"}]}, False),
        ({"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "none", "operator": "Exists"}]}, False),
    ],
)
def test_a_label_selector(selector: object, expected: bool):
    assert matches(selector, LABELS) is expected


def test_a_plain_selector_is_a_subset():
    assert (contains(LABELS, {}), contains(LABELS, {"app": "web"}), contains(LABELS, {"app": "x"})) == (
        True,
        True,
        False,
    )


def test_the_selector_that_deactivates_a_webhook():
    never = {"matchLabels": {"istio.io/deactivated": "never-match"}}
    assert (is_never(never), is_never({**never, "matchExpressions": [{}]}), is_never(None)) == (True, False, False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("app=web", True),
        ("app==web,tier", True),
        ("app!=web", False),
        ("app in (web, db)", True),
        ("app notin (web,db),tier", False),
        ("none notin (web)", True),
        ("!none,app", True),
        ("!app", False),
        ("tier=", True),
        ("app>1", False),
    ],
)
def test_a_selector_as_text(text: str, expected: bool):
    assert parse_selector(text)(LABELS) is expected


@pytest.mark.parametrize("text", ["app=web,", "app in web", "a b", "app>x", ",", "app in (web"])
def test_what_is_no_selector_is_refused(text: str):
    with pytest.raises(UsageError):
        parse_selector(text)


def test_null_is_nothing_unless_the_default_is_everything():
    assert (matches(None, LABELS), matches(None, LABELS, absent=True)) == (False, True)
