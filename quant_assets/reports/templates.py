"""HTML of the pages, as constants: pure code opens no file, and a page loads none."""

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
h1 { overflow-wrap: anywhere; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .6rem; border-bottom: 1px solid #e3e6ea; text-align: right; }
th, td { white-space: nowrap; }
th:first-child, td:first-child, .text, .stale { text-align: left; }
thead th { border-bottom: 2px solid #8a8f98; }
.prose { text-align: left; white-space: normal; }
.sortable th { cursor: pointer; } .sortable th:hover { text-decoration: underline; }
.sortable th[aria-sort="descending"]::after { content: " \\2193"; }
.sortable th[aria-sort="ascending"]::after { content: " \\2191"; }
.chart { width: 100%; height: 320px; } .scroll { overflow-x: auto; }
.dense { font-size: 12px; } .dense th, .dense td { padding: .15rem .45rem; }
.metrics { display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); }
.metrics { gap: .1rem 1.5rem; font-variant-numeric: tabular-nums; }
.metrics div { display: flex; justify-content: space-between; border-bottom: 1px solid #e3e6ea; }
.synthetic { color: #c00000; font-weight: 700; } .stale { color: #8a5a00; }
footer { margin-top: 2rem; color: #4a4f57; font-size: 12px; overflow-wrap: anywhere; }
footer td, footer th { white-space: normal; text-align: left; vertical-align: top; }
footer th { min-width: 7rem; } summary { cursor: pointer; margin: .6rem 0; }
</style>
</head>
"""

TEAR_SHEET = (
    HEAD
    + """<body>
<h1>{{ title }}</h1>
<p>{{ subtitle }}{% if synthetic %}
<span class="synthetic">synthetic data</span>{% endif %}</p>
<h2>Metrics</h2>
<div class="metrics" id="metrics">
{% for name, value, meaning in metrics -%}
<div title="{{ meaning }}"><span>{{ name }}</span><span>{{ value }}</span></div>
{% endfor %}</div>
{% for chart in charts %}<h2>{{ chart.title }}</h2>
<div class="chart" id="{{ chart.id }}"></div>
{% endfor %}<h2>Monthly returns, %</h2>
<div class="scroll"><table id="monthly">
<thead><tr><th>year</th>{% for month in months %}<th>{{ month }}</th>{% endfor %}<th>all</th></tr>
</thead>
<tbody>{% for year, cells, total in monthly %}<tr><td>{{ year }}</td>
{%- for cell in cells %}<td>{{ cell }}</td>{% endfor %}<td>{{ total }}</td></tr>
{% endfor %}</tbody></table></div>
<h2>Costs, {{ currency }}</h2>
<table id="costs"><tbody>{% for name, value, meaning in costs %}
<tr><td>{{ name }}</td><td>{{ value }}</td><td class="prose">{{ meaning }}</td></tr>
{%- endfor %}
</tbody></table>
<h2>{{ trades_title }}</h2>
<div class="scroll"><table id="trades" class="dense">
<thead><tr>{% for name in trade_columns %}<th
{%- if name in text_columns %} class="text"{% endif %}>{{ name }}</th>{% endfor %}</tr></thead>
<tbody>{% for row in trades %}<tr>
{%- for cell in row %}<td
{%- if trade_columns[loop.index0] in text_columns %} class="text"{% endif %}>{{ cell }}</td>
{%- endfor %}</tr>
{% endfor %}</tbody></table></div>
<footer id="provenance">
<h2>Provenance</h2>
{% if synthetic %}<p class="synthetic">synthetic: no market made these prices</p>{% endif %}
<table><tbody>{% for name, value in provenance %}<tr><th>{{ name }}</th><td>{{ value }}</td></tr>
{% endfor %}</tbody></table>
<details><summary>Data versions of {{ inputs | length }} inputs</summary>
<table><tbody>{% for name, value in inputs %}<tr><th>{{ name }}</th><td>{{ value }}</td></tr>
{% endfor %}</tbody></table></details>
</footer>
<script>{{ plotly_js | safe }}</script>
<script>
const charts = {{ charts_json | safe }};
// Named one by one: the default buttons offer to upload the chart.
const buttons = [["toImage", "zoomIn2d", "zoomOut2d", "resetScale2d"]];
const config = {displaylogo: false, responsive: true, modeBarButtons: buttons};
for (const chart of charts) {
  Plotly.newPlot(chart.id, chart.data, chart.layout, config);
}
</script>
</body>
</html>
"""
)

FOOTPRINT = (
    HEAD
    + """<body>
<h1>{{ title }}</h1>
<p>{{ subtitle }}{% if synthetic %}
<span class="synthetic">synthetic data</span>{% endif %}</p>
<div id="ladder"></div>
<p>Drag to move, scroll to zoom, double-click to go back; point at a row for its figures.</p>
<table id="rules"><tbody>{% for name, meaning in rules %}
<tr><td>{{ name }}</td><td class="prose">{{ meaning }}</td></tr>
{%- endfor %}
</tbody></table>
<footer>{{ source }}</footer>
<script>{{ plotly_js | safe }}</script>
<script>
const chart = {{ chart_json | safe }};
// Named one by one: the default buttons offer to upload the chart.
const buttons = [["toImage", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]];
const config = {displaylogo: false, responsive: true, scrollZoom: true, modeBarButtons: buttons};
Plotly.newPlot("ladder", chart.data, chart.layout, config);
</script>
</body>
</html>
"""
)

LEADERBOARD = (
    HEAD
    + """<body>
<h1>{{ title }}</h1>
<p>{{ subtitle }}{% if synthetic %}
<span class="synthetic">synthetic data</span>{% endif %}</p>
<div class="scroll"><table id="leaderboard" class="sortable dense">
<thead><tr>{% for column in columns %}
<th scope="col" tabindex="0" title="{{ column.name }}: {{ column.meaning }}"
{%- if column.text %} class="text"{% endif %}
{%- if column.name == sorted_by %} aria-sort="descending"{% endif %}>{{ column.title }}</th>
{%- endfor %}
</tr></thead>
<tbody>{% for row in rows %}<tr>
{%- for cell in row %}
<td data-key="{{ cell.key }}"
{%- if cell.hint %} title="{{ cell.hint }}"{% endif %}
{%- if cell.mark %} class="{{ cell.mark }}"{% endif %}>
{%- if cell.href %}<a href="{{ cell.href }}">{{ cell.text }}</a>
{%- else %}{{ cell.text }}{% endif %}</td>
{%- endfor %}
</tr>
{% endfor %}</tbody></table></div>
<p>Click a heading to sort by it; a strategy's name leads to its tear sheet.</p>
<h2>Columns</h2>
<table id="meanings"><tbody>{% for column in columns if column.meaning %}
<tr><td>{{ column.title }}</td><td class="prose">{{ column.meaning }}</td></tr>
{%- endfor %}
</tbody></table>
<footer>{{ footer }}</footer>
<script>
const table = document.getElementById("leaderboard");
const heads = Array.from(table.tHead.rows[0].cells);
heads.forEach((head, column) => {
  const sort = () => {
    const falling = head.getAttribute("aria-sort") !== "descending";
    const rows = Array.from(table.tBodies[0].rows);
    const key = (row) => row.cells[column].dataset.key;
    const numeric = rows.every((row) => key(row) === "" || !Number.isNaN(Number(key(row))));
    rows.sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      if (x === "" || y === "") { return (x === "") - (y === ""); }
      const order = numeric ? Number(x) - Number(y) : x.localeCompare(y);
      return falling ? -order : order;
    });
    table.tBodies[0].append(...rows);
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", falling ? "descending" : "ascending");
  };
  head.addEventListener("click", sort);
  head.addEventListener("keydown", (event) => { if (event.key === "Enter") { sort(); } });
});
</script>
</body>
</html>
"""
)


def render(template: str, **values: object) -> str:
    """Fill a template; text is escaped, and a value that is missing is an error."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    return environment.from_string(template).render(policy=CONTENT_POLICY, **values)
