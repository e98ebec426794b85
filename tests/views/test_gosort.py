from hypothesis import given
from hypothesis import strategies as st

from bugbundle.views.gosort import sort_slice, sorted_by


def less(a: str, b: str) -> bool:
    """istioctl's comparison of routes: numbers only."""
    return a.isdigit() and b.isdigit() and int(a) < int(b)


# As dumped, and as istioctl 1.29.6 printed it: past twelve items the order of Go's quicksort shows.
DUMPED = (
    "15014 15010 8081 9000 80 8080 ingress:15021 inbound|8081|| inbound|8081|| - - InboundPassthroughCluster"
    " inbound|8081|| default InboundPassthroughCluster InboundPassthroughCluster"
)
PRINTED = (
    "inbound|8081|| - 8081 9000 80 8080 15010 ingress:15021 15014 inbound|8081|| - InboundPassthroughCluster"
    " inbound|8081|| default InboundPassthroughCluster InboundPassthroughCluster"
)


def test_a_comparison_that_is_no_order_sorts_as_in_go():
    assert sort_slice(DUMPED.split(), less) == PRINTED.split()


def test_few_items_are_sorted_stably():
    rows = [("b", 1), ("a", 2), ("b", 3), ("a", 4)]
    assert sort_slice(rows, lambda x, y: x[0] < y[0]) == [("a", 2), ("a", 4), ("b", 1), ("b", 3)]
    assert sorted_by(rows, lambda row: row[0]) == [("a", 2), ("a", 4), ("b", 1), ("b", 3)]


@given(st.lists(st.integers(0, 50), max_size=300))
def test_an_order_is_sorted(numbers: list[int]):
    assert sort_slice(numbers, lambda a, b: a < b) == sorted(numbers)
    assert sorted_by(numbers, lambda number: -number) == sorted(numbers, reverse=True)


def test_patterns_that_are_bad_for_quicksort():
    organ = [*range(200), *range(200, 0, -1)]
    saw = [number % 7 for number in range(500)]
    back = list(range(300, 0, -1))
    for numbers in (organ, saw, back, [1] * 100):
        assert sort_slice(numbers, lambda a, b: a < b) == sorted(numbers)
