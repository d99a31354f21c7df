"""HTML of the pages, as constants."""

from quant_assets.reports.page import DRAWING, HEAD, OPENING, SECTIONS, SORTING

TEAR_SHEET = (
    HEAD
    + OPENING
    + """<h2>Metrics</h2>
<div class="metrics" id="metrics">
{% for name, value, meaning in metrics -%}
<div title="{{ meaning }}"><span>{{ name }}</span><span>{{ value }}</span></div>
{% endfor %}</div>
"""
    + SECTIONS
    + """<footer id="provenance">
<h2>Provenance</h2>
{% if synthetic %}<p class="synthetic">synthetic: no market made these prices</p>{% endif %}
<div class="scroll"><table><tbody>{% for name, value in provenance %}
<tr><th>{{ name }}</th><td>{{ value }}</td></tr>
{%- endfor %}
</tbody></table></div>
<details><summary>Data versions of {{ inputs | length }} inputs</summary>
<table><tbody>{% for name, value in inputs %}<tr><th>{{ name }}</th><td>{{ value }}</td></tr>
{% endfor %}</tbody></table></details>
</footer>
"""
    + DRAWING
    + SORTING
    + """</body>
</html>
"""
)

SWEEP = (
    HEAD
    + OPENING
    + """<div class="metrics" id="summary">
{% for name, value, meaning in summary -%}
<div title="{{ meaning }}"><span>{{ name }}</span><span>{{ value }}</span></div>
{% endfor %}</div>
{% if pairs %}<h2>Heat map: {{ metric }} by two keys</h2>
<p class="controls">
{%- for name, told, choices in pickers %}
<label>{{ told }} <select id="{{ name }}">
{%- for choice in choices %}<option value="{{ choice }}">{{ choice }}</option>{% endfor -%}
</select></label>
{%- endfor %}</p>
<p class="note" id="heat_note"></p>
<div class="chart tall" id="heat"></div>
{% endif %}"""
    + SECTIONS
    + """<footer>{{ footer }}</footer>
"""
    + DRAWING
    + """{% if pairs %}<script>
const heat = {{ heat_json | safe }};
const pairs = heat.pairs;
const chosen = (id) => document.getElementById(id).value;
const turn = (rows) => rows[0].map((_, column) => rows.map((row) => row[column]));
const drawHeat = () => {
  const [across, up, statistic] = [chosen("across"), chosen("up"), chosen("statistic")];
  const note = document.getElementById("heat_note");
  const pair = pairs.find((one) => one.keys.includes(across) && one.keys.includes(up));
  if (across === up || !pair) { note.textContent = "Choose two keys that differ."; return; }
  // A pair is stored once, its first key across.
  const isTurned = pair.keys[0] !== across;
  const fit = (rows) => (isTurned ? turn(rows) : rows);
  const [values, counts] = [fit(pair[statistic]), fit(pair.counts)];
  const rest = pair.others.length ? `, whatever ${pair.others.join(", ")}` : "";
  note.textContent = `Each cell is the ${statistic} of ${heat.metric} over its completed ` +
    `trials${rest}; white cells have none.`;
  const known = values.flat().filter((value) => value !== null);
  const reach = Math.max(...known.map(Math.abs)) || 1;
  const isSigned = known.some((value) => value < 0);
  const trace = {
    type: "heatmap", z: values, customdata: counts, xgap: 1, ygap: 1, hoverongaps: false,
    x: pair.labels[isTurned ? 1 : 0], y: pair.labels[isTurned ? 0 : 1],
    // Red stands only where something is negative.
    colorscale: isSigned ? heat.signed : heat.unsigned, zmin: isSigned ? -reach : 0, zmax: reach,
    colorbar: {title: {text: heat.metric, side: "right"}, thickness: 14},
    hovertemplate: `${across} %{x}<br>${up} %{y}<br>${statistic} %{z:.4g}` +
      "<br>%{customdata} trials<extra></extra>",
  };
  const axis = (name) => ({type: "category", title: {text: name}, automargin: true});
  const layout = {
    margin: {l: 76, r: 16, t: 34, b: 54}, font: heat.font, plot_bgcolor: "#fff",
    xaxis: axis(across), yaxis: axis(up),
  };
  Plotly.react("heat", [trace], layout, config);
};
document.getElementById("up").selectedIndex = 1;
for (const id of ["across", "up", "statistic"]) {
  document.getElementById(id).addEventListener("change", drawHeat);
}
drawHeat();
</script>
{% endif %}"""
    + SORTING
    + """</body>
</html>
"""
)

FOOTPRINT = (
    HEAD
    + OPENING
    + """<div id="ladder"></div>
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
    + OPENING
    + """{% if figure.marks %}<h2>Sharpe ratio and what is left of it</h2>
<p class="note">{{ figure.note }}</p>
<div class="scroll"><svg class="marks" id="marks" role="img" aria-label="{{ figure.label }}"
 viewBox="0 0 {{ figure.width }} {{ figure.height }}">
{% for line in figure.lines -%}
<line x1="{{ line.x1 }}" y1="{{ line.y1 }}" x2="{{ line.x2 }}" y2="{{ line.y2 }}"
 stroke="{{ line.colour }}"{% if line.dashed %} stroke-dasharray="5 4"{% endif %}/>
{% endfor %}{% for text in figure.texts -%}
<text x="{{ text.x }}" y="{{ text.y }}" text-anchor="{{ text.anchor }}"
{%- if text.turned %} transform="rotate(-90 {{ text.x }} {{ text.y }})"{% endif %}>
{{- text.text }}</text>
{% endfor %}{% for mark in figure.marks -%}
{% if mark.href %}<a href="{{ mark.href }}">{% endif -%}
<circle cx="{{ mark.x }}" cy="{{ mark.y }}" r="5" data-trial="{{ mark.trial }}"
 fill="{{ mark.fill }}" stroke="{{ mark.stroke }}" stroke-width="1.5"><title>
{{- mark.hint }}</title></circle>
{%- if mark.href %}</a>{% endif %}
{% endfor %}</svg></div>
{% endif %}<p class="controls"><label>Filter <input type="search" id="filter"
 placeholder="part of a name or a figure"></label>
<span id="shown" aria-live="polite">{{ rows | length }} of {{ rows | length }} rows</span></p>
<div class="scroll"><table id="leaderboard" class="sortable dense">
<thead><tr>{% for column in columns %}
<th scope="col" tabindex="0" title="{{ column.name }}: {{ column.meaning }}"
{%- if column.text %} class="text"{% endif %}
{%- if column.name == sorted_by %} aria-sort="descending"{% endif %}>{{ column.title }}</th>
{%- endfor %}
</tr></thead>
<tbody>{% for row in rows %}<tr data-trial="{{ row.trial }}"{% if row.old %} class="old"{% endif %}>
{%- for cell in row.cells %}
<td data-key="{{ cell.key }}"
{%- if cell.hint %} title="{{ cell.hint }}"{% endif %}
{%- if cell.mark %} class="{{ cell.mark }}"{% endif %}>
{%- if cell.href %}<a href="{{ cell.href }}">{{ cell.text }}</a>
{%- else %}{{ cell.text }}{% endif %}</td>
{%- endfor %}
</tr>
{% endfor %}</tbody></table></div>
<p class="note">Click a heading, or press Enter on it, to sort; a strategy's name leads to its tear
 sheet. Rows in yellow are stale: something upstream has changed since.</p>
<h2>Columns</h2>
<table id="meanings"><tbody>{% for column in columns if column.meaning %}
<tr><td>{{ column.title }}</td><td class="prose">{{ column.meaning }}</td></tr>
{%- endfor %}
</tbody></table>
<footer>{{ footer }}</footer>
"""
    + SORTING
    + """<script>
const rows = Array.from(document.querySelectorAll("#leaderboard tbody tr"));
const marks = Array.from(document.querySelectorAll("#marks circle"));
document.getElementById("filter").addEventListener("input", (event) => {
  const wanted = event.target.value.trim().toLowerCase();
  const kept = new Set();
  for (const row of rows) {
    row.hidden = !row.textContent.toLowerCase().includes(wanted);
    if (!row.hidden) { kept.add(row.dataset.trial); }
  }
  for (const mark of marks) {
    mark.style.visibility = kept.has(mark.dataset.trial) ? "visible" : "hidden";
  }
  document.getElementById("shown").textContent = `${kept.size} of ${rows.length} rows`;
});
</script>
</body>
</html>
"""
)
