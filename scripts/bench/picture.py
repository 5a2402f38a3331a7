"""Bars and lines as SVG, in colours that can be told apart in print. Knows nothing of what is drawn."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence

COLOURS = ("#1b6ca8", "#e08a1e", "#5a9e4b", "#a23b72", "#777777", "#3aa6a6")
WIDTH = 860
ROW = 18
LEFT = 250
FONT = 'font-family="sans-serif" font-size="12"'


def bars(title: str, groups: Mapping[str, Mapping[str, float]], *, unit: str) -> str:
    """Horizontal bars: groups by name, in each group a value by label."""
    labels = list(dict.fromkeys(label for group in groups.values() for label in group))
    greatest = max((value for group in groups.values() for value in group.values()), default=1.0) or 1.0
    lines: list[str] = []
    y = 50
    for name, group in groups.items():
        lines.append(_text(10, y + 13, name, bold=True))
        for label, value in group.items():
            width = (WIDTH - LEFT - 130) * value / greatest
            colour = COLOURS[labels.index(label) % len(COLOURS)]
            lines.append(_text(LEFT - 8, y + 13, label, anchor="end"))
            lines.append(
                f'<rect x="{LEFT}" y="{y + 2}" width="{width:.1f}" height="{ROW - 4}" fill="{colour}"/>'
            )
            lines.append(_text(LEFT + width + 6, y + 13, f"{value:,.0f} {unit}"))
            y += ROW
        y += 10
    return _document(title, lines, height=y + 10)


def lines(
    title: str, series: Mapping[str, Sequence[tuple[float, float]]], *, across: str, upwards: str
) -> str:
    """Lines over a logarithmic axis, both starting at what is smallest."""
    points = [point for one in series.values() for point in one]
    low, high = min(x for x, _ in points), max(x for x, _ in points)
    greatest = max(y for _, y in points) or 1.0
    left, right, top, bottom = 80, WIDTH - 170, 50, 330

    def place(x: float, y: float) -> tuple[float, float]:
        share = (math.log10(x) - math.log10(low)) / ((math.log10(high) - math.log10(low)) or 1.0)
        return left + share * (right - left), bottom - (bottom - top) * y / greatest

    drawn = [f'<path d="M{left},{top} V{bottom} H{right}" fill="none" stroke="#444"/>']
    for step in range(5):
        value = greatest * step / 4
        drawn.append(_text(left - 6, place(low, value)[1] + 4, f"{value:,.3g}", anchor="end"))
    ticks = sorted({x for x, _ in points})
    drawn += [_text(place(x, 0)[0], bottom + 18, f"{x:,.0f}", anchor="middle") for x in ticks]
    for number, (name, one) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = " L".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in one))
        drawn.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        drawn.append(_text(right + 8, place(*one[-1])[1] + 4, name, colour=colour))
    drawn.append(_text((left + right) / 2, bottom + 40, across, anchor="middle"))
    drawn.append(_text(left, top - 10, upwards))
    return _document(title, drawn, height=bottom + 55)


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", bold: bool = False, colour: str = "#222"
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    escaped = html.escape(text)
    return f'<text x="{x:.1f}" y="{y:.1f}" {FONT} fill="{colour}" text-anchor="{anchor}"{weight}>{escaped}</text>'


def _document(title: str, drawn: Sequence[str], *, height: float) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}" role="img">'
    body = "\n".join(drawn)
    heading = f'<text x="10" y="26" font-family="sans-serif" font-size="15">{html.escape(title)}</text>'
    return f'{head}\n<rect width="100%" height="100%" fill="white"/>\n{heading}\n{body}\n</svg>\n'
