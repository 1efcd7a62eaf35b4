"""The page on which a person labels answers: one file, no network, and nothing that tells who."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from harness.types import Metric, visible

MOST_BUTTONS = 11
"""Whole labels that have a button each; more are typed."""
STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
article { border: 1px solid #8886; border-radius: .5rem; padding: 1rem 1.25rem; margin: 1.25rem 0; }
article.done { border-color: #2a7; }
pre { font: inherit; white-space: pre-wrap; overflow-wrap: anywhere; margin: .25rem 0 1rem;
  text-align: start; unicode-bidi: plaintext; }
h2 { font-size: .8rem; letter-spacing: .04em; color: #888; margin: 0; font-weight: 600; }
fieldset { border: 0; padding: 0; margin: 0; display: flex; gap: .5rem; flex-wrap: wrap; }
label { border: 1px solid #8888; border-radius: .4rem; padding: .2rem .8rem; cursor: pointer; }
label:has(:checked) { background: #2a7; color: #fff; border-color: #2a7; }
label:focus-within { outline: 2px solid #27c; }
label input[type=radio] { position: absolute; opacity: 0; }
header { position: sticky; top: 0; background: Canvas; padding: .5rem 0; }
button { font: inherit; padding: .3rem 1rem; }
"""
SCRIPT = """
const sheet = document.body.dataset.sheet, labels = JSON.parse(localStorage.getItem(sheet) || '{}');
const inputs = [...document.querySelectorAll('input[data-item]')];
function show() {
  const items = [...document.querySelectorAll('article')];
  items.forEach(a => a.classList.toggle('done', a.id in labels));
  document.querySelector('#done').textContent =
    items.filter(a => a.id in labels).length + ' of ' + items.length + ' labelled';
}
inputs.forEach(input => {
  const known = labels[input.dataset.item];
  if (input.type === 'radio') input.checked = known === input.value;
  else if (known !== undefined) input.value = known;
  input.addEventListener('input', () => {
    if (input.value === '' || !input.checkValidity()) delete labels[input.dataset.item];
    else labels[input.dataset.item] = input.value;
    localStorage.setItem(sheet, JSON.stringify(labels));
    show();
  });
});
document.querySelector('#save').addEventListener('click', () => {
  const who = document.querySelector('#who').value.replace(/[^\\w-]+/g, '_') || 'labels';
  const rows = ['item,label', ...Object.entries(labels).map(([item, label]) => item + ',' + label)];
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([rows.join('\\n') + '\\n'], {type: 'text/csv'}));
  link.download = who + '.csv';
  link.click();
});
show();
"""


def page(name: str, metric: Metric, rubric: str, rows: Sequence[Mapping[str, str]]) -> str:
    """The page as HTML; all that a model or a user wrote is escaped."""
    sheet = f"{name}-{rows[0]['item'] if rows else ''}-{len(rows)}"
    articles = "\n".join(_article(number, row, metric) for number, row in enumerate(rows, 1))
    better = {"lower": "lower is better", "higher": "higher is better"}[metric.better.value]
    guide = rubric or f"From {metric.low:g} to {metric.high:g}; {better}."
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; \
script-src 'unsafe-inline'">
<title>{escape(name)}</title>
<style>{STYLE}</style>
<body data-sheet="{escape(sheet)}">
<h1 dir="auto">{escape(name.replace("_", " "))}</h1>
<pre dir="auto">{escape(guide)}</pre>
<p>Label each answer by what you think of it, without talking to the others who do so. What you
click is kept in this browser; when you are done, save your labels and send the file.</p>
<header><span id="done"></span> <input id="who" placeholder="your name or initials"
aria-label="your name or initials"> <button id="save">Save labels</button></header>
{articles}
<script>{SCRIPT}</script>
</body>
</html>
"""


def _article(number: int, row: Mapping[str, str], metric: Metric) -> str:
    item = escape(row["item"])
    return f"""<article id="{item}">
<h2>{number}. PROMPT</h2>
<pre dir="auto">{escape(visible(row["prompt"]))}</pre>
<h2>ANSWER</h2>
<pre dir="auto">{escape(visible(row["answer"]))}</pre>
{_field(item, metric)}
</article>"""


def _field(item: str, metric: Metric) -> str:
    whole = float(metric.low).is_integer() and float(metric.high).is_integer()
    values = range(int(metric.low), int(metric.high) + 1) if whole else range(0)
    if not 2 <= len(values) <= MOST_BUTTONS:
        return (
            f'<input type="number" data-item="{item}" min="{metric.low:g}" max="{metric.high:g}" '
            'step="any" aria-label="label">'
        )
    yes_no = {0: "no", 1: "yes"} if (metric.low, metric.high) == (0, 1) else {}
    buttons = "".join(
        f'<label><input type="radio" name="{item}" data-item="{item}" value="{value}">'
        f"{yes_no.get(value, value)}</label>"
        for value in values
    )
    return f"<fieldset>{buttons}</fieldset>"
