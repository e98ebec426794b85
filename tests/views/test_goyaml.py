import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bugbundle.views.gonumber import json_number, shortest
from bugbundle.views.goyaml import to_yaml

HERE = Path(__file__).parent / "istioctl"


def test_every_style_as_istioctl_prints_it():
    """`odd.yaml` is what istioctl 1.29.6 made of `odd.json` (`proxy-config all --file … -o yaml`)."""
    assert to_yaml(json.loads((HERE / "odd.json").read_text())) == (HERE / "odd.yaml").read_text()


def test_documents_that_are_no_mapping():
    assert [to_yaml(value) for value in ([], {}, "a b", None, 5, [1, [2]])] == [
        "[]\n",
        "{}\n",
        "a b\n",
        "null\n",
        "5\n",
        "- 1\n- - 2\n",
    ]


# What both libraries read alike: go-yaml's plain `=` is a tag of its own to PyYAML.
WORDS = st.text(st.sampled_from("ab 1.:-#'\"\\{}[],&*!|>%@`?~_é\n\t"), max_size=120)
VALUES = st.recursive(WORDS, lambda inner: st.lists(inner) | st.dictionaries(WORDS, inner), max_leaves=8)


@given(VALUES)
def test_it_reads_back(value: object):
    assert yaml.load(to_yaml({"v": value}), yaml.BaseLoader) == {"v": value}


@pytest.mark.parametrize(
    ("number", "go", "in_json"),
    [
        (0.0, "0", "0"),
        (-0.5, "-0.5", "-0.5"),
        (1e6, "1e+06", "1000000"),
        (123456.0, "123456", "123456"),
        (1234567.5, "1.2345675e+06", "1234567.5"),
        (1e-5, "1e-05", "0.00001"),
        (1e-7, "1e-07", "1e-7"),
        (1.5e-10, "1.5e-10", "1.5e-10"),
        (1e21, "1e+21", "1e+21"),
        (float("inf"), ".inf", None),
    ],
)
def test_numbers(number: float, go: str, in_json: str | None):
    assert shortest(number) == go
    if in_json is not None:
        assert json_number(number) == in_json
