"""Plots of a report as inline SVG.

Every plot is `WIDTH` units wide, so that a column of a report and a phone show it near that size.
Text is escaped by `xml.etree`; colours are classes that the stylesheet of the page defines.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from xml.etree import ElementTree

from markupsafe import Markup

WIDTH = 440
LEFT = 156
"""Where bars start, right of their labels."""
SPAN = 230
"""Length of a bar of value 1."""
HEADING, THICK, GAP = 30, 14, 7
FRAME = (36, 34, 388, 206)
"""Left, top, width and height of the area of a curve or a histogram."""
BINS = 24
TICKS = (0, 0.25, 0.5, 0.75, 1)
ROUND = (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10, 100)
"""Multiples of a power of ten whose quarters are short; the last is for rounding errors."""


@dataclass(frozen=True)
class Bar:
    """A value from 0 to 1 with its interval; `style` is the class of its colour."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    style: str = ""


@dataclass(frozen=True)
class Row:
    """A label with its bars; without bars, the heading of the rows below it."""

    label: str
    bars: tuple[Bar, ...] = ()

    @property
    def height(self) -> int:
        return THICK * len(self.bars) + GAP if self.bars else HEADING


@dataclass(frozen=True)
class Part:
    """A part of a whole."""

    name: str
    count: int
    style: str = ""


Node = ElementTree.Element


def bars(title: str, rows: Sequence[Row]) -> Markup:
    """Horizontal bars from 0 to 1, with whiskers at the ends of their intervals."""
    bottom = sum(row.height for row in rows) + 4
    svg = _plot(title, bottom + 22)
    for tick in TICKS:
        x = LEFT + SPAN * tick
        _add(svg, "line", css="grid", x1=x, x2=x, y1=0, y2=bottom)
        _add(svg, "text", f"{tick:.0%}", css="tick middle", x=x, y=bottom + 16)
    tops = accumulate((row.height for row in rows), initial=0)
    for row, top in zip(rows, tops, strict=False):
        _row(svg, row, top)
    return _html(svg)


def _row(svg: Node, row: Row, top: float) -> None:
    if not row.bars:
        _add(svg, "text", row.label, css="head", x=0, y=top + HEADING - 9)
        return
    middle = top + THICK * len(row.bars) / 2
    _add(svg, "text", row.label, css="label", x=LEFT - 10, y=middle + 4)
    for at, bar in enumerate(row.bars):
        _bar(svg, bar, top + THICK * at)


def _bar(svg: Node, bar: Bar, top: float) -> None:
    group = _add(svg, "g")
    length, middle = SPAN * _unit(bar.value), top + THICK / 2
    _add(group, "title", f"{bar.name}: {bar.value:.3f}{_interval(bar)}")
    _add(group, "rect", css=f"bar {bar.style}", x=LEFT, y=top + 1, width=length, height=THICK - 2)
    if bar.low is not None and bar.high is not None:
        ends = [LEFT + SPAN * _unit(end) for end in (bar.low, bar.high)]
        _add(group, "line", css="whisker", x1=ends[0], x2=ends[1], y1=middle, y2=middle)
        for end in ends:
            _add(group, "line", css="whisker", x1=end, x2=end, y1=middle - 3, y2=middle + 3)
    _add(group, "text", f"{bar.value:.2f}", css="value", x=WIDTH, y=middle + 4)


def _interval(bar: Bar) -> str:
    return "" if bar.low is None or bar.high is None else f" ({bar.low:.3f} to {bar.high:.3f})"


def curve(
    title: str,
    points: Sequence[tuple[float, float]],
    *,
    x_name: str,
    y_name: str,
    here: tuple[float, float] | None = None,
    base: float | None = None,
) -> Markup:
    """A line through points from 0 to 1, in their order.

    Args:
        here: a point to mark with its numbers.
        base: height of a dashed line: what chance would reach.
    """
    left, top, width, height = FRAME
    svg = _plot(title, top + height + 42)
    for tick in TICKS:
        x, y = _place(tick, tick)
        _add(svg, "line", css="grid", x1=left, x2=left + width, y1=y, y2=y)
        _add(svg, "text", f"{tick:g}", css="tick end", x=left - 7, y=y + 4)
        _add(svg, "text", f"{tick:g}", css="tick middle", x=x, y=top + height + 17)
    _names(svg, x_name, y_name)
    if base is not None:
        y = _place(0, base)[1]
        _add(svg, "line", css="base", x1=left, x2=left + width, y1=y, y2=y)
    if points:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (_place(*point) for point in points))
        _add(svg, "polyline", css="curve", points=path)
    if here is not None:
        _mark(svg, here)
    return _html(svg)


def _mark(svg: Node, here: tuple[float, float]) -> None:
    """The point, and its numbers above the frame, where no line can run through them."""
    left, top, width, _ = FRAME
    x, y = _place(*here)
    note = f"now: recall {here[0]:.2f}, precision {here[1]:.2f}"
    _add(svg, "circle", css="here", cx=x, cy=y, r=5.5)
    _add(svg, "text", note, css="note end", x=left + width, y=top - 17)


def histogram(title: str, values: Sequence[float], marks: Sequence[tuple[str, float]]) -> Markup:
    """A histogram of durations in seconds; `marks` are named durations, each marked by a line.

    Durations far above the largest mark (a first question that loads the models) are counted in
    the last bin, and the name of the axis says so.
    """
    left, top, width, height = FRAME
    svg = _plot(title, top + height + 42)
    end = axis_end(values, marks)
    counts = bin_counts(values, end)
    for at, count in enumerate(counts):
        _bin(svg, at, count, max(counts), end)
    _add(svg, "line", css="axis", x1=left, x2=left + width, y1=top + height, y2=top + height)
    for tick in TICKS:
        x, side = left + width * tick, "end" if tick == 1 else "middle"
        _add(svg, "text", duration(end * tick), css=f"tick {side}", x=x, y=top + height + 17)
    _add(svg, "text", f"{max(counts)}", css="tick end", x=left - 7, y=top + 4)
    slower = sum(value > end for value in values)
    beyond = f" (the last bar: {slower} slower, up to {duration(max(values))})" if slower else ""
    _names(svg, f"time per question{beyond}", "questions")
    _lines(svg, marks, end)
    return _html(svg)


def _bin(svg: Node, at: int, count: int, most: int, end: float) -> None:
    left, top, width, height = FRAME
    wide, tall = width / BINS, height * count / max(most, 1)
    group = _add(svg, "g")
    ends = [duration(end * edge / BINS) for edge in (at, at + 1)]
    more = " or more" if at == BINS - 1 else ""
    _add(group, "title", f"{ends[0]} to {ends[1]}{more}: {count}")
    x, y = left + wide * at + 0.75, top + height - tall
    _add(group, "rect", css="bar latency", x=x, y=y, width=wide - 1.5, height=tall)


def duration(seconds: float) -> str:
    """``0.2 ms``, ``12 ms`` or ``1.25 s``."""
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{1000 * seconds:.{1 if 0 < seconds < 0.00995 else 0}f} ms"


def bin_counts(values: Sequence[float], end: float) -> list[int]:
    """The number of values in each of `BINS` equal parts of 0 to `end`; the last takes the rest."""
    counts = [0] * BINS
    for value in values:
        counts[min(max(int(value / end * BINS), 0), BINS - 1)] += 1
    return counts


def axis_end(values: Sequence[float], marks: Sequence[tuple[str, float]]) -> float:
    """The end of an axis: a round number not below the highest value, or not below 1.5 times the
    largest mark if that is less.
    """
    highest = max(values, default=0)
    if marks:
        highest = min(highest, 1.5 * max(value for _, value in marks))
    if highest <= 0:
        return 1.0
    step = 10.0 ** math.floor(math.log10(highest))
    return next(step * times for times in ROUND if step * times >= highest * (1 - 1e-9))


def _lines(svg: Node, marks: Sequence[tuple[str, float]], end: float) -> None:
    left, top, width, height = FRAME
    for at, (name, value) in enumerate(marks):
        x, y = left + width * min(value / end, 1), top - 8 + 15 * at
        side, shift = ("end", -5) if value > end * 0.7 else ("start", 5)
        _add(svg, "line", css="mark", x1=x, x2=x, y1=y - 8, y2=top + height)
        _add(svg, "text", f"{name} {duration(value)}", css=f"note {side}", x=x + shift, y=y + 2)


def stacked(title: str, parts: Sequence[Part]) -> Markup:
    """One bar of parts side by side, without words; it stretches to the width of its page."""
    svg = _plot(title, 24)
    svg.set("preserveAspectRatio", "none")
    total = sum(part.count for part in parts) or 1
    x = 0.0
    for part in parts:
        width = WIDTH * part.count / total
        group = _add(svg, "g")
        _add(group, "title", f"{part.name}: {part.count} ({part.count / total:.0%})")
        _add(group, "rect", css=f"part {part.style}", x=x, y=0, width=width, height=24)
        x += width
    return _html(svg)


def _names(svg: Node, x_name: str, y_name: str) -> None:
    left, top, width, height = FRAME
    _add(svg, "text", x_name, css="name end", x=left + width, y=top + height + 36)
    if y_name:
        _add(svg, "text", y_name, css="name start", x=0, y=top - 18)


def _place(x: float, y: float) -> tuple[float, float]:
    left, top, width, height = FRAME
    return left + width * _unit(x), top + height * (1 - _unit(y))


def _unit(value: float) -> float:
    return min(max(value, 0.0), 1.0)


def _plot(title: str, height: float) -> Node:
    """An empty drawing; the title is its name for screen readers."""
    attributes = {"viewBox": f"0 0 {WIDTH} {height:g}", "role": "img", "aria-label": title}
    svg = ElementTree.Element("svg", {"class": "plot", **attributes})
    _add(svg, "title", title)
    return svg


def _add(parent: Node, tag: str, text: str = "", css: str = "", **attributes: float | str) -> Node:
    named = {"class": css} if css else {}
    for name, value in attributes.items():
        named[name] = value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
    node = ElementTree.SubElement(parent, tag, named)
    node.text = text or None
    return node


def _html(svg: Node) -> Markup:
    return Markup(ElementTree.tostring(svg, encoding="unicode"))
