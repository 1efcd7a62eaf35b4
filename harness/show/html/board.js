const MANY = 25;

const line = (text, name) => text ? `<br><small class="${name}">${escaped(text)}</small>` : '';
const cell = worst => (got, kind) => {
  if (kind === 'sort' || kind === 'type') return sorted(got?.value, worst);
  if (got === null) return '<small class="lost">not scored by this</small>';
  const value = got.value === null ? '<span class="lost">not known</span>' : got.value.toFixed(3);
  return `<b>${value}</b>${line(got.interval, 'same')}`
    + `${line(got.rank, got.best ? 'same best' : 'same')}${line(got.lost, 'lost')}`
    + line(got.itself && 'judged by itself', 'lost');
};

function fill(details) {
  if (details.dataset.filled) return;
  details.dataset.filled = '1';
  const board = data.boards[Number(details.dataset.board)];
  const many = board.rows.length > MANY;
  new DataTable(details.querySelector('table'), {
    data: board.rows,
    deferRender: true,
    autoWidth: false,
    paging: many,
    pageLength: MANY,
    order: [],
    layout: { topStart: null, topEnd: many ? 'search' : null, bottomStart: many ? 'info' : null,
      bottomEnd: many ? 'paging' : null },
    columns: [
      { data: 'model', render: (name, kind, row) => kind === 'display'
        ? `${escaped(name)}<br><small class="validity">${row.id}</small>` : name },
      { data: 'runs' },
      { data: 'cut' },
      ...board.worst.map((worst, at) => ({ data: row => row.cells[at], render: cell(worst),
        searchable: false })),
    ],
  });
}

const boards = [...document.querySelectorAll('details.board')];
for (const details of boards) {
  if (details.open) fill(details);
  details.addEventListener('toggle', () => details.open && fill(details));
}

const selects = [...document.querySelectorAll('#filters select')];
function choose() {
  let left = 0;
  for (const details of boards) {
    const key = data.boards[Number(details.dataset.board)].key;
    details.hidden = !selects.every((select, at) => !select.value || select.value === key[at]);
    left += !details.hidden;
  }
  document.querySelector('#chosen').textContent = `${left} of ${boards.length} boards`;
}
for (const select of selects) select.addEventListener('change', choose);
document.querySelector('#filters').addEventListener('submit', event => event.preventDefault());
choose();
