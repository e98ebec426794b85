"""The same trouble of many proxies is told once."""

from __future__ import annotations

from bugbundle.rules import Evidence, Level, Ref
from bugbundle.rules.lib.aggregate import MOST, together
from bugbundle.rules.model import Blind

ISTIOD = Ref("Service", "istio-system", "istiod")


def one(number: int, level: Level = Level.ERROR) -> Evidence:
    pod = Ref("Pod", "shop", f"cart-{number}")
    name = f"cart-{number}.shop"
    return Evidence(pod, {"proxy": name, "age": number}, (ISTIOD,), (), (name,), level)


def test_few_are_told_one_by_one() -> None:
    few = [one(number) for number in range(MOST)]
    assert list(together(few)) == few


def test_many_are_told_once() -> None:
    count = MOST + 1
    pods = tuple(Ref("Pod", "shop", f"cart-{number}") for number in range(count))
    assert list(together(one(number) for number in range(count))) == [
        Evidence(
            ISTIOD,
            {"proxy": f"{count} proxies (cart-0.shop, …)", "age": 0},
            (ISTIOD, *pods),
            (),
            tuple(f"cart-{number}.shop" for number in range(count)),
            Level.ERROR,
        )
    ]


def test_levels_stay_apart() -> None:
    mixed = [*(one(number) for number in range(MOST + 1)), one(99, Level.WARNING)]
    assert [item.level for item in together(mixed) if isinstance(item, Evidence)] == [Level.ERROR, Level.WARNING]


def test_what_could_not_be_looked_at_is_kept() -> None:
    blind = [Blind(f"cart-{number}.shop", ("istiod-1: no answer",)) for number in range(MOST + 1)]
    assert list(together(blind[:2])) == blind[:2]
    assert list(together(blind)) == [Blind(f"{MOST + 1} proxies (cart-0.shop, …)", ("istiod-1: no answer",))]
