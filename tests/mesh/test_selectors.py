"""Label selectors, as Kubernetes reads them."""

import pytest

from bugbundle.mesh.selectors import contains, is_never, matches

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
