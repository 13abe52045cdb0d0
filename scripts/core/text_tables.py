"""Plain text for the terminal: aligned tables, and numbers as people write them."""

from collections.abc import Sequence
from itertools import zip_longest

UNITS = ("B", "kB", "MB", "GB", "TB")


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Aligned columns with a rule under the header; the first `left` columns are flush left."""
    columns = list(zip_longest(header, *rows, fillvalue=""))
    widths = [max(map(len, column)) for column in columns]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(cells, widths, strict=False))
        ]
        return "  ".join(padded).rstrip()

    return "\n".join([line(header), "  ".join("-" * w for w in widths), *map(line, rows)])


def count(number: float) -> str:
    """A whole number in groups of three digits; nothing for zero."""
    return f"{round(number):,}" if number else ""


def size(number: int) -> str:
    """Bytes in decimal units."""
    value, unit = float(number), UNITS[0]
    for unit in UNITS:
        if value < 1000 or unit == UNITS[-1]:
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def duration(seconds: float) -> str:
    """Seconds, minutes or hours, to a sensible precision."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
