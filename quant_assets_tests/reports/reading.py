"""Reads a page: its elements, its addresses, its own text."""

import json
import re
from html.parser import HTMLParser
from typing import Any


class Reader(HTMLParser):
    """Collects the ids, the addresses, and whether every element is closed."""

    void = frozenset({"meta", "link", "input"})

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        """Note an element."""
        values = dict(attrs)
        self.ids += [values["id"]] if "id" in values else []
        self.addresses += [values[k] for k in ("src", "href") if k in values]
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag):
        """Note its end."""
        assert self.open.pop() == tag


def read(page: str) -> Reader:
    """Parse a page and check that its elements are closed."""
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    return reader


def own_text(page: str) -> str:
    """Return the page without plotly.js, which must stand in it once."""
    from plotly.offline import get_plotlyjs

    script = get_plotlyjs()
    assert page.count(script) == 1
    return page.replace(script, "")


def charts_of(page: str) -> dict[str, dict[str, Any]]:
    """Return the charts that a page draws, by id."""
    found = json.loads(re.search(r"const charts = (.*);\n", own_text(page))[1])
    return {chart["id"]: chart for chart in found}


def table_of(page: str, name: str) -> list[list[str]]:
    """Return the texts of a table's rows."""
    body = re.search(rf'<table id="{name}".*?<tbody>(.*?)</tbody>', page, flags=re.DOTALL)[1]
    rows = re.findall(r"<tr.*?</tr>", body, flags=re.DOTALL)
    return [
        [re.sub(r"<.*?>", "", cell).strip() for cell in re.findall(r"<td.*?</td>", row, re.DOTALL)]
        for row in rows
    ]
