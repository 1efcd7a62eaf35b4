// What the scripts of all pages share: cells that show text and nothing else.
const data = JSON.parse(document.querySelector('#data').textContent);
// A text from right to left keeps its own order, and leaves what stands beside it in its place.
const rightToLeft = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;
const escaped = value => {
  const text = DataTable.render.text().display(String(value));
  return rightToLeft.test(text) ? `<bdi>${text}</bdi>` : text;
};
const shown = value => typeof value === 'number' && !Number.isInteger(value)
  ? value.toFixed(3) : String(value);
// What is missing sorts where the worst would.
const sorted = (value, worst) => value ?? (worst === null ? '' : worst * 1e300);
