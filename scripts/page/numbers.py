"""Numbers for people: counts, shares, e-values, intervals and times in words and short."""

from collections.abc import Callable
from typing import Protocol

THIN = "\u202f"
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def count(value: float) -> str:
    """A whole number with its thousands apart."""
    return f"{round(value):,}"


def decimal(value: float | None, digits: int = 3) -> str:
    """A number to so many significant digits; a dash where there is none."""
    if value is None:
        return "–"
    if value and abs(value) < 1e-4:
        return _scientific(value)
    shown = count(value) if abs(value) >= 100 else f"{value:.{digits}g}"
    return shown.replace("-", "−")


def percent(share: float | None) -> str:
    """A share as a percentage: two significant digits, never more than one decimal place."""
    if share is None:
        return "–"
    if 0 < share < 0.001:
        return f"<{THIN}0.1{THIN}%"
    places = 1 if 0 < share < 0.0995 or 0.9905 < share < 1 else 0
    return f"{100 * share:.{places}f}".removesuffix(".0") + f"{THIN}%"


def points(share: float, sign: bool = True) -> str:
    """A difference of shares in percentage points, with its sign."""
    places = 1 if 0 < abs(share) < 0.0995 else 0
    shown = f"{100 * share:{'+' if sign else ''}.{places}f}".removesuffix(".0")
    return shown.replace("-", "−")


class Interval(Protocol):
    """What has an estimate and the ends of its interval."""

    @property
    def estimate(self) -> float | None: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


def between(found: Interval, shown: Callable[[float], str]) -> str:
    """An estimate with its interval: 7 % (4 % to 12 %); a dash where there is no estimate."""
    estimate = "–" if found.estimate is None else shown(found.estimate)
    return f"{estimate} ({shown(found.low)} to {shown(found.high)})"


def e_value(value: float | None) -> str:
    """An e-value to three significant digits, large ones in powers of ten."""
    if value is None:
        return "–"
    if value >= 1e100:
        return "> 10¹⁰⁰"
    return _scientific(value) if value >= 1e6 else decimal(value)


def duration(seconds: float) -> str:
    """Seconds in words short enough for a table."""
    if seconds < 100:
        return f"{seconds:.1f}{THIN}s" if seconds < 10 else f"{seconds:.0f}{THIN}s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes}{THIN}min"
    return f"{minutes // 60}{THIN}h {minutes % 60:02d}{THIN}min"


def _scientific(value: float) -> str:
    mantissa, exponent = f"{value:.1e}".split("e")
    return (
        f"{mantissa.replace('-', '−')}{THIN}×{THIN}10{str(int(exponent)).translate(_SUPERSCRIPT)}"
    )


def units(unit: str) -> str:
    """What counts as one piece of evidence, in the plural: prompts, or pairs of draws."""
    return {"prompt": "prompts", "draw": "pairs of draws"}[unit]


def plural(number: int, noun: str, nouns: str | None = None) -> str:
    """A number with its noun, "1 prompt" or "2 prompts"; `nouns` where an s is not enough."""
    return f"{count(number)} {noun if number == 1 else nouns or noun + 's'}"
