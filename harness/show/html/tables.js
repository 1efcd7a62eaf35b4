// What the scripts of all pages share: cells that show text and nothing else.
const data = JSON.parse(document.querySelector('#data').textContent);
const escaped = value => DataTable.render.text().display(String(value));
const shown = value => typeof value === 'number' && !Number.isInteger(value)
  ? value.toFixed(3) : String(value);
// What is missing sorts where the worst would.
const sorted = (value, worst) => value ?? (worst === null ? '' : worst * 1e300);
