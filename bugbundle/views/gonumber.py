"""Floating-point numbers as Go writes them."""

from __future__ import annotations


def shortest(value: float) -> str:
    """strconv.FormatFloat(value, 'g', -1, 64), as go-yaml prints it: `1e+06`, `0.5`, `1.5e-05`."""
    if value != value or value in (float("inf"), float("-inf")):
        return ".nan" if value != value else ".inf" if value > 0 else "-.inf"
    sign, digits, point = _parts(value)
    if digits and not -4 <= point - 1 < 6:
        return sign + _scientific(digits, point, 2)
    return sign + _positional(digits, point)


def json_number(value: float) -> str:
    """As encoding/json prints it: scientific below 1e-6 and from 1e21 on. Not for NaN and infinities."""
    sign, digits, point = _parts(value)
    if digits and not 1e-6 <= abs(value) < 1e21:
        return sign + _scientific(digits, point, 2 if point > 0 else 1)
    return sign + _positional(digits, point)


def _parts(value: float) -> tuple[str, str, int]:
    """Sign, significant digits (none for zero), place of the point behind the first of them."""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    point = len(whole) + int(exponent or 0)
    digits = whole + fraction
    stripped = digits.lstrip("0")
    point -= len(digits) - len(stripped)
    sign = "-" if value < 0 or (value == 0 and str(value)[0] == "-") else ""
    stripped = stripped.rstrip("0")
    return sign, stripped, point if stripped else 1


def _scientific(digits: str, point: int, width: int) -> str:
    head, tail = digits[0], digits[1:]
    exponent = point - 1
    return f"{head}{'.' if tail else ''}{tail}e{'-' if exponent < 0 else '+'}{abs(exponent):0{width}d}"


def _positional(digits: str, point: int) -> str:
    if point <= 0:
        return f"0.{'0' * -point}{digits}"
    padded = digits.ljust(point, "0")
    return f"{padded[:point]}.{padded[point:]}" if padded[point:] else padded
