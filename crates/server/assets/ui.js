// What the pages do beyond their HTML: statuses that change, runs that appear, times that pass, cancel, short messages.
(() => {
  const { system, user } = document.body.dataset;
  const ENDED = ['succeeded', 'failed', 'cancelled'];
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  // Where everything is served, which may be under a path.
  const root = new URL('../../', document.currentScript.src).pathname;
  const base = `${root}ui/${encodeURIComponent(system)}/runs/`;

  const span = (ms) => {
    const s = Math.max(0, Math.floor(ms / 1000));
    if (s < 60) return `${s} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
    return s < 86400 ? `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min` : `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
  };
  const tick = () => {
    const now = Date.now();
    for (const time of all('time[data-ago]')) {
      const then = Date.parse(time.dateTime);
      if (Number.isNaN(then)) continue;
      const age = now - then;
      const words = age < 10000 ? 'just now' : age < 86400000 ? `${span(age).split(' ').slice(0, 2).join(' ')} ago` : new Date(then).toLocaleString();
      if (time.textContent !== words) time.textContent = words;
      if (!time.dataset.local) time.title = time.dataset.local = new Date(then).toLocaleString();
    }
    for (const took of all('[data-since]')) took.textContent = span(now - Date.parse(took.dataset.since));
  };

  const toast = ({ type = 'info', title, message, description, link, duration }) => {
    const node = document.createElement('div');
    node.className = `toast ${['success', 'error', 'warning'].includes(type) ? type : 'info'}`;
    // Ours: a browser reads `\` as `/`, and passes over tabs and line breaks.
    const safe = /^\/(?!\/)[^\s\\]*$/.test(link ?? '');
    const head = document.createElement(safe ? 'a' : 'strong');
    head.textContent = title ?? message ?? '';
    if (safe) head.href = link;
    node.append(head);
    const more = description ?? (title ? message : '');
    if (more) node.append(Object.assign(document.createElement('p'), { textContent: more }));
    const close = Object.assign(document.createElement('button'), { type: 'button', textContent: '×', ariaLabel: 'Close', onclick: () => node.remove() });
    node.append(close);
    document.getElementById('toasts').append(node);
    setTimeout(() => node.remove(), Math.min(Number(duration) || 8000, 60000));
  };

  const paint = (node, run) => {
    const badge = node.querySelector('[data-status]');
    if (badge) {
      badge.className = `badge ${run.status}`;
      badge.textContent = run.status;
    }
    const took = node.querySelector('[data-took]');
    if (took && run.status === 'running' && !took.dataset.since) took.dataset.since = new Date().toISOString();
    if (took && ENDED.includes(run.status) && took.dataset.since) delete took.dataset.since;
    if (run.status !== 'queued') node.querySelector('[data-why]')?.remove();
    const button = ENDED.includes(run.status) && node.querySelector('[data-cancel]');
    // Who has the focus there goes on from the same place.
    if (button === document.activeElement) (node.tabIndex < 0 ? node : document.getElementById('main')).focus();
    if (button) button.remove();
  };

  // A run that the page does not show yet, where it would stand if the page were fetched again.
  const appear = (run) => {
    const table = document.querySelector('table[data-live=runs]');
    const work = run.direct && run.user === user ? document.querySelector('ul[data-live=mine]') : null;
    const fits = table && !('filtered' in table.dataset) && ['status', 'workflow'].every((name) => {
      const wanted = table.dataset[`filter${name[0].toUpperCase()}${name.slice(1)}`];
      return !wanted || wanted === run[name];
    });
    const place = fits ? table.tBodies[0] : work;
    if (!place) return;
    const node = document.getElementById(fits ? 'run-row' : 'run-card').content.firstElementChild.cloneNode(true);
    node.dataset.run = run.id;
    for (const field of all('[data-field]', node)) field.textContent = run[field.dataset.field] ?? '–';
    const link = node.querySelector('a.id');
    link.href = base + run.id;
    link.title = run.id;
    link.textContent = run.id.slice(-12);
    node.querySelector('time').dateTime = run.created_at;
    const button = node.querySelector('[data-cancel]');
    button?.setAttribute('data-cancel', run.id);
    button?.setAttribute('aria-label', `Cancel ${run.workflow}`);
    node.querySelector('hefe-progress')?.setAttribute('run', run.root);
    paint(node, run);
    // Ids begin with their time: newest first.
    const after = all('[data-run]', place).find((other) => other.dataset.run < run.id);
    if (!after && document.querySelector('.more')) return;
    place.insertBefore(node, after ?? null);
    all('[data-empty]').forEach((empty) => empty.remove());
    tick();
  };

  let fetched = false;
  const refresh = async () => {
    if (fetched) return;
    fetched = true;
    const answer = await fetch(location.href);
    if (!answer.ok) return;
    const main = new DOMParser().parseFromString(await answer.text(), 'text/html').getElementById('main');
    const open = all('details[open]').map((details) => details.dataset.element);
    const here = document.getElementById('main');
    const focused = here.contains(document.activeElement);
    here.replaceChildren(...main.childNodes);
    if (focused) here.focus({ preventScroll: true });
    all('details[data-element]').forEach((details) => { if (open.includes(details.dataset.element)) details.open = true; });
    tick();
  };

  const onRun = (run) => {
    const shown = all('[data-run]').filter((node) => node.dataset.run === run.id);
    shown.forEach((node) => paint(node, run));
    if (!shown.length) appear(run);
    if (!ENDED.includes(run.status)) return;
    const page = document.querySelector('#run[data-live]');
    // The graph and what fired are written on the server: once, when nothing more can change.
    if (page?.dataset.run === run.id) refresh();
    const long = Date.now() - Date.parse(run.created_at) > 10000;
    const words = { succeeded: ['success', 'is done'], failed: ['error', 'failed'], cancelled: ['warning', 'was cancelled'] }[run.status];
    if (run.direct && run.user === user && long && !told.has(run.id)) {
      told.add(run.id);
      toast({ type: words[0], title: `${run.workflow} ${words[1]}`, link: base + run.id });
    }
  };
  const onLink = (state) => {
    // Whose session has ended signs in and is here again.
    if (state === 'out') return location.assign(`${root}ui/signin?next=${encodeURIComponent(location.pathname + location.search)}`);
    const link = document.querySelector('[data-link]');
    const up = state === 'up';
    link.dataset.link = state;
    link.title = up ? 'This page is live' : 'The connection is lost; it comes back by itself';
    link.querySelector('.words').textContent = up ? 'live' : 'offline';
  };
  const told = new Set();
  const began = Date.now();

  hefe.subscribe(system, (event, data, at) => {
    if (event === 'run') onRun(data);
    if (event === 'link') onLink(data);
    // A message that was there before the page was is no news.
    if (event === 'toast' && at >= began) toast(data);
    if (event === 'notification' && !data.read_at && at >= began) toast({ ...data, type: 'info', duration: 15000 });
  });


  addEventListener('click', async ({ target }) => {
    const button = target.closest('[data-cancel]');
    if (button) {
      const name = button.getAttribute('aria-label');
      if (button.ariaDisabled === 'true' || !(await hefe.ask(document.body, `${name}?`)) || !button.isConnected) return;
      const say = (words, asked) => {
        button.textContent = words;
        button.setAttribute('aria-label', name.replace(/^Cancel/, words));
        button.ariaDisabled = asked;
      };
      say('Cancelling…', true);
      const wrong = await hefe.cancel(system, button.dataset.cancel);
      if (!wrong) return;
      say('Cancel', false);
      toast({ type: 'error', title: wrong });
      return;
    }
    // From a box of the drawing to what it did.
    const name = target.closest('.graph .element')?.dataset.element;
    const row = name && all('details[data-element]').find((details) => details.dataset.element === name);
    if (row) {
      row.open = true;
      row.scrollIntoView({ block: 'center', behavior: 'smooth' });
      row.querySelector('summary').focus({ preventScroll: true });
    }
  });

  tick();
  setInterval(tick, 1000);
})();
