"""What all pages share: the head, tables, drawing and sorting, as constants and one function.

Pure code opens no file, and a page loads none.
"""

from jinja2 import Environment, StrictUndefined

CONTENT_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; form-action 'none'; base-uri 'none'"
)
"""A browser holds the page to it: no request leaves, whatever a script should try."""

HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{{ policy }}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{{ title }}</title>
<style>
body { font: 14px/1.4 system-ui, sans-serif; margin: 1.5rem auto; max-width: 1180px; }
body { color: #1c1f23; background: #fff; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { font-size: 1.1rem; margin-top: 1.6rem; }
h1, p { overflow-wrap: anywhere; } .note { color: #4a4f57; margin: .3rem 0 .5rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .6rem; border-bottom: 1px solid #e3e6ea; text-align: right; }
th, td { white-space: nowrap; }
th:first-child, td:first-child, .text, .stale { text-align: left; }
thead th { border-bottom: 2px solid #8a8f98; }
.prose { text-align: left; white-space: normal; min-width: 12rem; }
.sortable th { cursor: pointer; } .sortable th:hover { text-decoration: underline; }
.sortable th[aria-sort="descending"]::after { content: " \\2193"; }
.sortable th[aria-sort="ascending"]::after { content: " \\2191"; }
.chart { width: 100%; height: 320px; } .tall { height: 460px; } .scroll { overflow-x: auto; }
.dense { font-size: 12px; } .dense th, .dense td { padding: .15rem .45rem; }
.metrics { display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); }
.metrics { gap: .1rem 1.5rem; font-variant-numeric: tabular-nums; }
.metrics div { display: flex; justify-content: space-between; border-bottom: 1px solid #e3e6ea; }
.controls { display: flex; flex-wrap: wrap; gap: .4rem 1.2rem; align-items: center; }
.synthetic { color: #c00000; font-weight: 700; } .stale { color: #8a5a00; }
tr.old td { background: #fdf6e3; } input, select { font: inherit; padding: .1rem .3rem; }
svg.marks { min-width: 560px; max-width: 900px; display: block; }
svg.marks text { font: 12px system-ui, sans-serif; fill: #1c1f23; }
footer { margin-top: 2rem; color: #4a4f57; font-size: 12px; overflow-wrap: anywhere; }
footer td, footer th { white-space: normal; text-align: left; vertical-align: top; }
footer th { min-width: 7rem; } summary { cursor: pointer; margin: .6rem 0; }
</style>
</head>
"""

OPENING = """<body>
<h1>{{ title }}</h1>
<p>{{ subtitle }}{% if synthetic %}
<span class="synthetic">synthetic data</span>{% endif %}</p>
"""

SECTIONS = """{% for section in sections %}<h2>{{ section.title }}</h2>
{% if section.note %}<p class="note">{{ section.note }}</p>
{% endif %}{% if section.chart %}<div class="chart
{%- if section.chart.tall %} tall{% endif %}" id="{{ section.chart.name }}"></div>
{% endif %}{% if section.table %}{% set table = section.table %}<div class="scroll"><table id="
{{- table.name }}" class="{% if table.sortable %}sortable {% endif %}dense">
<thead><tr>{% for column in table.columns %}<th scope="col"
{%- if table.sortable %} tabindex="0"{% endif %}
{%- if column.meaning %} title="{{ column.meaning }}"{% endif %}
{%- if column.kind %} class="{{ column.kind }}"{% endif %}>{{ column.title }}</th>
{%- endfor %}</tr></thead>
<tbody>{% for row in table.rows %}<tr>
{%- for cell in row %}<td
{%- if table.columns[loop.index0].kind %} class="{{ table.columns[loop.index0].kind }}"{% endif %}>
{{- cell }}</td>
{%- endfor %}</tr>
{% endfor %}</tbody></table></div>
{% endif %}{% endfor %}"""
"""Headed parts of a page, each with a note, a chart and a table where it has them."""

DRAWING = """<script>{{ plotly_js | safe }}</script>
<script>
const charts = {{ charts_json | safe }};
// Named one by one: the default buttons offer to upload the chart.
const buttons = [["toImage", "zoomIn2d", "zoomOut2d", "resetScale2d"]];
const isNarrow = document.documentElement.clientWidth < 600;
const config = {
  displaylogo: false, responsive: true, modeBarButtons: buttons,
  displayModeBar: isNarrow ? false : "hover",
};
for (const chart of charts) {
  if (isNarrow && chart.layout.xaxis.nticks) { chart.layout.xaxis.nticks = 3; }
  Plotly.newPlot(chart.id, chart.data, chart.layout, config);
}
</script>
"""
"""Draws each chart at its place; plotly.js stands in the page once."""

SORTING = """<script>
// Empty cells stay last; figures are compared as figures where a whole column holds nothing else.
const keyOf = (row, column) => {
  const cell = row.cells[column];
  const text = "key" in cell.dataset ? cell.dataset.key : cell.textContent.trim();
  const figure = text.replaceAll(",", "").replace(/ %$/, "");
  return text === "-" ? "" : figure;
};
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = Array.from(table.tHead.rows[0].cells);
  heads.forEach((head, column) => {
    const sort = () => {
      const falling = head.getAttribute("aria-sort") !== "descending";
      const keyed = Array.from(table.tBodies[0].rows, (row) => [keyOf(row, column), row]);
      const numeric = keyed.every(([key]) => key === "" || !Number.isNaN(Number(key)));
      keyed.sort(([x], [y]) => {
        if (x === "" || y === "") { return (x === "") - (y === ""); }
        const order = numeric ? Number(x) - Number(y) : x.localeCompare(y);
        return falling ? -order : order;
      });
      table.tBodies[0].append(...keyed.map(([, row]) => row));
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", falling ? "descending" : "ascending");
    };
    head.addEventListener("click", sort);
    head.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); sort(); }
    });
  });
}
</script>
"""
"""Makes every table of class `sortable` sort by a click on a heading, or Enter or Space on it."""


def render(template: str, **values: object) -> str:
    """Fill a template; text is escaped, and a value that is missing is an error."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    return environment.from_string(template).render(policy=CONTENT_POLICY, **values)
