"""What is filled in on a preprinted form, as a page for the printer: ten characters an inch, six lines an inch.

Column and line are counted from 1 at the form's upper left. The forms themselves are licensed and are not drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

_STYLE = """
@page { size: letter; margin: 0 }
body { margin: 0; font: 12pt "Courier Prime", "Liberation Mono", "DejaVu Sans Mono", monospace; line-height: 1; color: #000 }
section { position: relative; height: 11in; width: 8.5in; break-after: page } section:last-child { break-after: auto }
i { position: absolute; font-style: normal; white-space: pre; font-size: 12pt } i.c { font-size: 9.6pt }
"""
_TOP_INCHES = 0.1667


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """A text that begins at a line and column. A condensed one is a little narrower than its font."""

    line: int
    column: int
    text: str
    is_condensed: bool = False


Sheet = Sequence[Printed]


def overlay_html(title: str, sheets: Iterable[Sheet], *, left_inches: float) -> str:
    """A page for each sheet; `left_inches` is where the first column begins."""
    body = "".join(f"<section>{''.join(_text(each, left_inches) for each in sheet)}</section>" for sheet in sheets)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
        f"</head><body>{body}</body></html>"
    )


def _text(printed: Printed, left_inches: float) -> str:
    left, top = left_inches + (printed.column - 1) / 10, _TOP_INCHES + (printed.line - 1) / 6
    style = ' class="c"' if printed.is_condensed else ""
    return f'<i{style} style="left:{left:.3f}in;top:{top:.3f}in">{escape(printed.text)}</i>'
