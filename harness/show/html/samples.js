for (const row of data.rows) {
  row.text = [row.turns, row.thinking, row.answer, row.error, row.target, row.verdicts, row.cells]
    .flat(4).join('\n').toLowerCase();
}
const cell = worst => (value, kind) => {
  if (kind === 'sort' || kind === 'type') return sorted(value, worst);
  return value === null ? '\u2014' : escaped(shown(value));
};

function element(tag, text, parent, name) {
  const made = document.createElement(tag);
  if (text !== null) {
    made.textContent = text;
    made.dir = 'auto';
  }
  if (name) made.className = name;
  parent?.append(made);
  return made;
}

function folded(title, text, open, language, parent) {
  const details = element('details', null, parent);
  details.open = open;
  element('summary', title, details);
  const shown = element('pre', text, details);
  if (language) shown.lang = language;
}

function asked(row, box) {
  for (const [role, text] of row.turns) {
    element('h3', role.toUpperCase(), box);
    element('pre', text, box);
  }
  const open = !row.bad || document.querySelector('#unfold').checked;
  element('h3', 'ANSWER', box);
  if (row.thinking) folded('thinking', row.thinking, false, null, box);
  if (row.answer === null) element('pre', row.error, box, 'lost');
  else folded(`${row.size} characters, ${row.finish}`, row.answer, open, row.language, box);
}

function talked(row, box) {
  let turn = 0;
  for (const [role, text, marks] of row.turns) {
    turn += role === 'person';
    const said = element('div', null, box, `turn ${role}`);
    element('h3', role === 'system' ? 'SYSTEM' : `${turn} ${role.toUpperCase()}`, said);
    if (text !== null) element('pre', text, said);
    for (const [words, good] of marks) element('p', words, said, good ? 'good' : 'lost');
  }
  if (row.undone.length) element('p', `not once in this conversation: ${row.undone.join(', ')}`, box, 'lost');
}

function detail(row) {
  const box = element('div', null, null, 'detail');
  (row.undone ? talked : asked)(row, box);
  if (row.target !== null) {
    element('h3', 'TARGET', box);
    element('pre', row.target, box);
  }
  element('h3', 'VERDICTS', box);
  const body = element('tbody', null, element('table', null, box));
  for (const [metric, value, scorer, reason, error] of row.verdicts) {
    const line = element('tr', null, body);
    element('td', metric, line);
    element('td', value === null ? 'missing' : shown(value), line, value === null ? 'lost' : '');
    element('pre', error ?? reason ?? '', element('td', null, line), error === null ? '' : 'lost');
    element('td', scorer, line, 'validity');
  }
  return box;
}

const table = new DataTable('#samples', {
  data: data.rows,
  deferRender: true,
  autoWidth: false,
  pageLength: 25,
  order: [],
  layout: { topStart: 'info', topEnd: null, bottomStart: 'pageLength', bottomEnd: 'paging' },
  columns: [
    { data: null, orderable: false, searchable: false, width: '2rem',
      render: () => '<button class="open" type="button" aria-label="open">+</button>' },
    ...data.columns.map((worst, at) => ({ data: row => row.cells[at], render: cell(worst) })),
  ],
});

function toggle(tr) {
  const row = table.row(tr);
  const button = tr.querySelector('button.open');
  if (row.child.isShown()) row.child.hide();
  else row.child(detail(row.data())).show();
  button.textContent = row.child.isShown() ? '\u2212' : '+';
}

document.querySelector('#samples').addEventListener('click', event => {
  const tr = event.target.closest('tbody > tr');
  if (tr?.querySelector('button.open') && tr.parentElement.parentElement.id === 'samples') toggle(tr);
});

// Plain words, whatever signs they hold.
document.querySelector('#search').addEventListener('input', event => {
  const wanted = event.target.value.toLowerCase();
  table.search.fixed('words', wanted && ((text, row) => row.text.includes(wanted))).draw();
});
for (const select of document.querySelectorAll('#filters select[data-column]')) {
  const at = Number(select.dataset.column);
  select.addEventListener('change', () => table.search.fixed(`column ${at}`, select.value &&
    ((text, row) => String(row.cells[at]) === select.value)).draw());
}
document.querySelector('#lost').addEventListener('change', event => {
  const wanted = event.target.value;
  table.search.fixed('lost', wanted && ((text, row) => row.lost === (wanted === '1'))).draw();
});
document.querySelector('#unfold').addEventListener('change', event => {
  for (const one of document.querySelectorAll('#samples details')) one.open = event.target.checked;
});
document.querySelector('#filters').addEventListener('submit', event => event.preventDefault());

new DataTable('#estimates', {
  data: data.estimates,
  deferRender: true,
  autoWidth: false,
  pageLength: 25,
  order: [],
  columns: Array.from({ length: 13 }, (_, at) => ({ data: row => row[at], render: cell(null) })),
});
