"""The picture of a machine's memory as a drawing, to scale within each stretch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape, quoteattr

from tdxcheck.models.layouts.picture import Stretch, legend

WIDTH = 900
LABEL = 330
BAR = WIDTH - LABEL - 20
ROW = 26


def svg(title: str, shown: Sequence[Stretch]) -> str:
    """The whole file."""
    return "".join(f"{line}\n" for line in _lines(title, shown))


def _lines(title: str, shown: Sequence[Stretch]) -> Iterator[str]:
    parts = list(legend(shown))
    height = (len(shown) + len(parts) + 3) * ROW
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="monospace" font-size="13">'
    )
    yield f"<title>{_text(title)}</title>"
    yield f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
    yield f'<text x="10" y="{ROW - 8}" font-weight="bold">{_text(title)}</text>'
    for number, stretch in enumerate(shown, start=1):
        yield from _row(stretch, number * ROW + 10)
    for number, part in enumerate(parts, start=len(shown) + 2):
        top = number * ROW
        yield (
            f'<rect x="10" y="{top}" width="16" height="14" fill="{part.colour}" '
            'stroke="#555555"/>'
        )
        yield f'<text x="34" y="{top + 12}">{_text(part.meaning)}</text>'
    yield "</svg>"


def _row(stretch: Stretch, top: int) -> Iterator[str]:
    area = stretch.area
    name = f"{stretch.name} [{area.base:#x}, {area.end:#x})"
    yield f'<text x="10" y="{top + 14}">{_text(name)}</text>'
    yield (
        f'<rect x="{LABEL}" y="{top}" width="{BAR}" height="18" fill="#ffffff" '
        'stroke="#555555"/>'
    )
    for piece, part in stretch.parts:
        left = LABEL + BAR * (piece.base - area.base) / area.size
        # What is too small to be seen is drawn as thin as can be seen.
        width = max(BAR * piece.size / area.size, 0.4)
        told = f"{part.meaning}: [{piece.base:#x}, {piece.end:#x})"
        yield (
            f'<rect x="{left:.2f}" y="{top}" width="{width:.2f}" height="18" '
            f"fill={quoteattr(part.colour)}><title>{_text(told)}</title></rect>"
        )


def _text(told: str) -> str:
    """Without what XML does not allow, whatever a file is called."""
    return escape("".join(c if c.isprintable() else "?" for c in told))
