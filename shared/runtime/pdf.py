"""How does a page of HTML become a PDF? The same page gives the same bytes: nothing on it depends on the hour or the machine."""

from __future__ import annotations

import logging
import os


def pdf_of(html: str, identifier: str) -> bytes:
    """The page as PDF, tagged, so that a screen reader finds its headings and tables. Nothing is fetched from outside."""
    # Fonts are cut down to the letters used, and what cuts them writes down the hour unless it is told this one.
    os.environ.setdefault("SOURCE_DATE_EPOCH", "0")
    for chatty in ("weasyprint", "fontTools"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    from weasyprint import HTML  # here only: it brings the libraries for laying out pages, which few processes need

    page = HTML(string=html, url_fetcher=_fetch_nothing)
    content: bytes = page.write_pdf(pdf_identifier=identifier.encode(), pdf_tags=True)
    return content


def _fetch_nothing(url: str) -> dict[str, str]:
    raise ValueError("a letter loads nothing from outside")
