"""Go's sort.Slice: where keys are equal, or the order is no order at all, the same rows come first.

Go's sort is not stable but always does the same: pattern-defeating quicksort, its random numbers seeded by the
length. istioctl sorts routes by a comparison that is no order (a number is never less than a name, nor a name than
anything), so what it prints can only be had by sorting as Go does. Source: Go's sort/zsortfunc.go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

T = TypeVar("T")
_INSERTION = 12
_NINTHER = 50
_STEPS = 5
_MAX_SWAPS = 12
_WORD = (1 << 64) - 1


def sorted_by(items: Sequence[T], key: Callable[[T], Any]) -> list[T]:
    """Items sorted by a key; equal keys in the order that Go leaves them in."""
    keys = [key(item) for item in items]
    if len(set(keys)) == len(keys):
        return [item for _, item in sorted(zip(keys, items, strict=True), key=lambda pair: pair[0])]
    pairs = sort_slice(list(zip(keys, items, strict=True)), lambda a, b: bool(a[0] < b[0]))
    return [item for _, item in pairs]


def sort_slice(items: Sequence[T], less: Callable[[T, T], bool]) -> list[T]:
    """A copy of the items as sort.Slice leaves them, whatever `less` says."""
    data = list(items)
    _Quicksort(data, less).sort(0, len(data), len(data).bit_length())
    return data


class _Quicksort(Generic[T]):
    """pdqsort over a list, in place; positions as in Go: from `a` up to but without `b`."""

    def __init__(self, data: list[T], less: Callable[[T, T], bool]) -> None:
        self.data = data
        self._less = less
        self._swaps = 0

    def less(self, i: int, j: int) -> bool:
        return self._less(self.data[i], self.data[j])

    def swap(self, i: int, j: int) -> None:
        self.data[i], self.data[j] = self.data[j], self.data[i]

    def sort(self, a: int, b: int, limit: int) -> None:
        balanced = partitioned = True
        while (length := b - a) > _INSERTION:
            if limit == 0:
                self.heap(a, b)
                return
            if not balanced:
                self.shuffle(a, b)
                limit -= 1
            pivot, hint = self.pivot(a, b)
            if hint == "decreasing":
                self.data[a:b] = self.data[a:b][::-1]
                pivot, hint = b - 1 - (pivot - a), "increasing"
            if balanced and partitioned and hint == "increasing" and self.nearly(a, b):
                return
            if a > 0 and not self.less(a - 1, pivot):
                a = self.partition_equal(a, b, pivot)
                continue
            middle, partitioned = self.partition(a, b, pivot)
            left, right = middle - a, b - middle
            balanced = min(left, right) >= length // 8
            if left < right:
                self.sort(a, middle, limit)
                a = middle + 1
            else:
                self.sort(middle + 1, b, limit)
                b = middle
        self.insertion(a, b)

    def insertion(self, a: int, b: int) -> None:
        for i in range(a + 1, b):
            j = i
            while j > a and self.less(j, j - 1):
                self.swap(j, j - 1)
                j -= 1

    def heap(self, a: int, b: int) -> None:
        size = b - a
        for i in range((size - 1) // 2, -1, -1):
            self.sift(i, size, a)
        for i in range(size - 1, -1, -1):
            self.swap(a, a + i)
            self.sift(0, i, a)

    def sift(self, root: int, size: int, first: int) -> None:
        while (child := 2 * root + 1) < size:
            if child + 1 < size and self.less(first + child, first + child + 1):
                child += 1
            if not self.less(first + root, first + child):
                return
            self.swap(first + root, first + child)
            root = child

    def partition(self, a: int, b: int, pivot: int) -> tuple[int, bool]:
        self.swap(a, pivot)
        i, j = a + 1, b - 1
        done = True
        while True:
            while i <= j and self.less(i, a):
                i += 1
            while i <= j and not self.less(j, a):
                j -= 1
            if i > j:
                self.swap(j, a)
                return j, done
            done = False
            self.swap(i, j)
            i, j = i + 1, j - 1

    def partition_equal(self, a: int, b: int, pivot: int) -> int:
        self.swap(a, pivot)
        i, j = a + 1, b - 1
        while True:
            while i <= j and not self.less(a, i):
                i += 1
            while i <= j and self.less(a, j):
                j -= 1
            if i > j:
                return i
            self.swap(i, j)
            i, j = i + 1, j - 1

    def nearly(self, a: int, b: int) -> bool:
        """Put a few that are out of order in their place; True where everything is sorted then."""
        i = a + 1
        for _ in range(_STEPS):
            while i < b and not self.less(i, i - 1):
                i += 1
            if i == b:
                return True
            if b - a < _NINTHER:
                return False
            self.swap(i, i - 1)
            if i - a >= 2:
                self._shift(range(i - 1, 0, -1))
            if b - i >= 2:
                self._shift(range(i + 1, b))
        return False

    def _shift(self, places: range) -> None:
        for j in places:
            if not self.less(j, j - 1):
                return
            self.swap(j, j - 1)

    def shuffle(self, a: int, b: int) -> None:
        length = b - a
        number = length
        mask = (1 << length.bit_length()) - 1
        place = a + length // 4 * 2 - 1
        for i in range(3):
            number ^= number << 13 & _WORD
            number ^= number >> 7
            number ^= number << 17 & _WORD
            other = number & mask
            self.swap(place + i, a + (other - length if other >= length else other))

    def pivot(self, a: int, b: int) -> tuple[int, str]:
        length = b - a
        self._swaps = 0
        i, j, k = (a + length // 4 * quarter for quarter in (1, 2, 3))
        if length >= _NINTHER:
            i, j, k = (self.median(place - 1, place, place + 1) for place in (i, j, k))
        j = self.median(i, j, k)
        return j, {0: "increasing", _MAX_SWAPS: "decreasing"}.get(self._swaps, "unknown")

    def median(self, a: int, b: int, c: int) -> int:
        a, b = self._order(a, b)
        b, c = self._order(b, c)
        a, b = self._order(a, b)
        return b

    def _order(self, a: int, b: int) -> tuple[int, int]:
        if self.less(b, a):
            self._swaps += 1
            return b, a
        return a, b
