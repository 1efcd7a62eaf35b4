const number = (value, kind) => typeof value === 'number' && kind === 'display'
  ? value.toFixed(3) : cell(value, kind);
const cell = (value, kind) => {
  if (kind === 'sort' || kind === 'type') return sorted(value, null);
  return value === null ? '\u2014' : escaped(shown(value));
};
const columns = count => Array.from({ length: count }, (_, at) => ({
  data: row => row[at], render: cell }));

const lines = (first, ...below) => (value, kind, row) => {
  if (kind === 'sort' || kind === 'type') return sorted(value, null);
  const small = below.filter(one => row[one])
    .map(one => `<br><small class="${one}">${escaped(row[one])}</small>`);
  return `<span>${first(value, kind)}</span>${small.join('')}`;
};

new DataTable('#estimates', {
  data: data.estimates,
  autoWidth: false,
  paging: false,
  order: [],
  layout: { topStart: null, topEnd: null, bottomStart: null, bottomEnd: null },
  columns: [
    { data: 'verdict', render: cell },
    { data: 'name', render: lines(cell, 'why') },
    { data: 'before', render: number },
    { data: 'after', render: number },
    { data: 'worse', render: lines(number, 'interval', 'at_worst') },
    { data: 'margin', render: number },
    { data: 'p_worse', render: number },
    { data: 'p_margin', render: number },
    { data: 'pairs', render: lines(cell, 'method') },
  ],
  createdRow: (tr, row) => tr.classList.add(row.verdict),
});
new DataTable('#parts', {
  data: data.parts,
  deferRender: true,
  autoWidth: false,
  pageLength: 25,
  order: [],
  columns: columns(11),
  createdRow: (tr, row) => tr.classList.add(row[0]),
});
