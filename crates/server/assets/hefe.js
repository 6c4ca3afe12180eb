// <hefe-progress system="NAME" [run="ROOT"] [user="ID"] [empty="text"] [cancel]>: bars that go on by themselves. Their looks
// are the CSS variables --hefe-* below. All tabs of a person share one stream: the tab that holds a lock opens it and tells
// the others; without locks or channels each tab has its own. `hefe.subscribe(system, fn)` gives a page the same events. A
// page of another origin says beforehand what it shows: `window.hefe = { token }`, a text or a function (docs/browser.md).
//
// It is sent without indentation, comments and the spaces around operators (`assets.rs`), so texts have none of these.
(() => {
	if (window.hefe?.subscribe) return;
	const here = new URL(document.currentScript?.src ?? '/', location);
	const root = new URL('.', here).href;
	const ENDED = { succeeded: '✓ done', failed: '✕ failed', cancelled: 'cancelled' };
	const { token } = window.hefe ?? {};
	const shown = async () => (typeof token === 'function' ? token() : token);
	const feeds = new Map();

	// An answer, or null where there is none.
	const call = async (system, path, method = 'GET') => {
		try {
			const headers = token ? { authorization: `Bearer ${await shown()}` } : {};
			return await fetch(root + encodeURIComponent(system) + path, { method, headers });
		} catch {
			return null;
		}
	};

	class Feed {
		listeners = new Set();
		states = new Map();
		last = '';

		constructor(system) {
			this.system = system;
			this.start();
		}

		async start() {
			// Tabs of two people have nothing to tell each other.
			const name = `hefe:${root}:${this.system}:${await shown()}`;
			if (!window.BroadcastChannel || !navigator.locks) return void this.open();
			this.channel = new BroadcastChannel(name);
			this.channel.onmessage = ({ data }) => {
				if (data.ask) {
					if (this.leads) this.tell({ states: [...this.states.values()], last: this.last, link: this.link });
				} else if (data.link) {
					data.states?.forEach((state) => this.take(state));
					this.last = data.last || this.last;
					this.linked(data.link);
				} else if (data.event) this.take(data);
			};
			this.tell({ ask: true });
			// Held until the tab goes; then the next one opens the stream where this one stood.
			navigator.locks.request(name, () => (this.open(), new Promise(() => {}))).catch(() => this.open());
		}

		async open() {
			this.leads = true;
			// A page of ours says where the stream stood as it was written: nothing that happened since is missed.
			const { system, head } = document.body.dataset;
			const query = new URLSearchParams(this.last ? { last_event_id: this.last } : system === this.system && !this.anew ? { page: head } : {});
			if (token) {
				const answer = await call(this.system, '/events/ticket', 'POST');
				if (!answer?.ok) return this.again(answer);
				query.set('ticket', (await answer.json()).ticket);
			}
			const source = new EventSource(`${root}${encodeURIComponent(this.system)}/events?${query}`);
			source.onopen = () => this.linked('up');
			// A lost connection it mends itself; a refusal ends it for good, and it does not say which.
			source.onerror = async () => (source.readyState < 2 ? this.linked('down') : this.again(await call(this.system, '/broadcasting')));
			for (const event of ['progress', 'notification', 'toast', 'run']) {
				source.addEventListener(event, (message) => {
					const state = { event, data: JSON.parse(message.data), id: message.lastEventId, at: Date.now() };
					this.take(state);
					this.tell(state);
				});
			}
		}

		again(answer) {
			const out = answer?.status === 401;
			this.linked(out ? 'out' : 'down');
			setTimeout(() => this.open(), out ? 15000 : 2000);
		}

		tell(message) {
			this.channel?.postMessage(message);
		}

		linked(link) {
			if (link === this.link) return;
			this.link = link;
			// What was shown is not for whoever signs in next, who begins anew.
			if (link === 'out') {
				this.states.clear();
				this.last = '';
				this.anew = 1;
			}
			if (this.leads) this.tell({ link });
			this.listeners.forEach((listener) => listener('link', link));
		}

		take(state) {
			const { event, data, at } = state;
			this.last = state.id || this.last;
			if (event === 'progress' || event === 'run') {
				if (this.states.get(data.id)?.data.seq > data.seq) return;
				this.states.set(data.id, state);
				// What moves no more is kept for tabs and bars that come a little later.
				if (event === 'run' || data.status !== 'running')
					setTimeout(() => this.states.get(data.id) === state && this.states.delete(data.id), 60000);
			}
			this.listeners.forEach((listener) => listener(event, data, at));
		}
	}

	const subscribe = (system, listener) => {
		if (!feeds.has(system)) feeds.set(system, new Feed(system));
		const feed = feeds.get(system);
		feed.listeners.add(listener);
		feed.states.forEach(({ event, data, at }) => listener(event, data, at));
		if (feed.link) listener('link', feed.link);
		return () => feed.listeners.delete(listener);
	};

	const make = (tag, name, ...inside) => {
		const element = document.createElement(tag);
		element.className = name;
		element.setAttribute('part', name);
		element.append(...inside);
		return element;
	};

	// Asks before something ends. Escape and the first button are a no; the browser gives the focus back.
	const ask = (where, words) => new Promise((done) => {
		const [no, yes] = [make('button', 'no', 'No, keep it'), make('button', 'yes', 'Yes, cancel it')];
		const dialog = make('dialog', 'ask', make('p', 'words', words), make('div', 'answers', no, yes));
		dialog.setAttribute('aria-label', words);
		no.onclick = () => dialog.close();
		yes.onclick = () => dialog.close('yes');
		dialog.onclose = () => (dialog.remove(), done(dialog.returnValue === 'yes'));
		where.append(dialog);
		dialog.showModal();
	});

	// What is wrong, in words; null: nothing.
	const cancel = async (system, run) => {
		const answer = await call(system, `/runs/${run}/cancel`, 'POST');
		if (answer?.ok) return null;
		return (await answer?.json().catch(() => null))?.message ?? 'the server cannot be reached';
	};
	window.hefe = { subscribe, ask, cancel };

	let number;
	try {
		number = new Intl.NumberFormat(document.documentElement.lang || [], { maximumFractionDigits: 1 });
	} catch {
		number = new Intl.NumberFormat();
	}
	const left = (s) =>
		s < 1 ? '' : s < 60 ? `${Math.ceil(s)} s left` : s < 3600 ? `${Math.ceil(s / 60)} min left` : `${Math.round(s / 360) / 10} h left`;
	// Only what differs is written: a focus, a selection and a screen reader stay where they are.
	const write = (node, text) => node.textContent !== text && (node.textContent = text);

	class Progress extends HTMLElement {
		rows = new Map();

		connectedCallback() {
			this.system = this.getAttribute('system');
			this.run = this.getAttribute('run');
			if (!this.said) {
				[this.note, this.empty, this.list, this.said] = [make('p', 'note'), make('div', 'empty'), make('ul', 'list'), make('div', 'said')];
				this.said.setAttribute('aria-live', 'polite');
				const shadow = this.attachShadow({ mode: 'open' });
				const looks = Object.assign(make('link', 'looks'), { rel: 'stylesheet', href: `${root}hefe-progress.css${here.search}` });
				shadow.append(looks, this.note, this.list, this.empty, this.said);
				// Who wrote the page says what stands, and nothing needs to be asked for.
				const first = this.querySelector('script[type="application/json"]');
				this.told = !!first;
				if (first) JSON.parse(first.textContent).forEach((item) => this.take(item, Date.now(), true));
			}
			this.leave = subscribe(this.system, (event, data, at) => {
				if (event === 'progress') this.take(data, at);
				if (event === 'run') this.stand(data, at);
				if (event === 'link') this.linked(data);
			});
			this.clock = setInterval(() => this.fill(), 1000);
			this.fill();
		}

		disconnectedCallback() {
			this.leave();
			clearInterval(this.clock);
		}

		async linked(link) {
			const words = { down: 'Connection lost. It comes back by itself.', out: 'You are signed out. Sign in to go on.' }[link] ?? '';
			if (words || this.note.textContent) this.say(words || 'Connected again.', true);
			write(this.note, words);
			if (link === 'out') {
				this.told = 0;
				this.rows.forEach((_, id) => this.drop(id, 1));
			}
			this.fill();
			if (words || !this.run || this.told) return;
			const answer = await call(this.system, `/runs/${this.run}`);
			if (!answer?.ok) return;
			const found = await answer.json();
			found.progress.forEach((item) => this.take(item, Date.now(), true));
			this.stand(found, Date.now());
		}

		fill() {
			const { note, rows } = this;
			note.hidden = !note.textContent;
			this.list.classList.toggle('stale', !note.hidden);
			this.toggleAttribute('data-bare', !rows.size);
			write(this.empty, rows.size || !note.hidden ? '' : (this.getAttribute('empty') ?? ''));
			rows.forEach((row) => this.count(row));
		}

		// A run queues and waits before and between its bars; one that is asked for and has no bar yet stands for itself.
		stand({ id, status, user, workflow }, at) {
			const bare = this.rows.get(id);
			const seq = 1 + (bare?.item.seq ?? 0);
			if (!this.told && id === this.run && this.rows.size === (bare ? 1 : 0))
				this.take({ id, run: id, user, title: workflow, status: status in ENDED ? status : 'running', seq }, at);
			this.rows.forEach((row) => row.item.run === id && Object.assign(row, { stands: status, since: at }));
			this.fill();
		}

		take(item, at, quiet) {
			const { id, run, seq, status } = item;
			const user = this.getAttribute('user');
			if (item.gone) return this.drop(id, true);
			let row = this.rows.get(id);
			if ((this.run && run !== this.run) || (user && item.user !== user) || row?.item.seq >= seq) return;
			// A list of what moves does not begin with what has ended.
			const over = status !== 'running';
			if (!row && !this.run && over) return;
			if (id !== run) this.drop(run, true);
			row ??= this.add(id);
			this.show(row, item, at);
			if (!quiet) this.say(`${row.name}: ${over ? status : (item.status_message ?? '')}`, over);
			clearTimeout(row.fade);
			if (!this.run && over) row.fade = setTimeout(() => this.drop(id), 10000);
			this.fill();
		}

		// Not every step: a screen reader would speak for ever.
		say(words, now) {
			if (words === this.words || (!now && Date.now() - (this.spoke ?? 0) < 8000)) return;
			[this.words, this.spoke, this.said.textContent] = [words, Date.now(), words];
		}

		add(id) {
			const row = {};
			for (const name of ['title', 'state', 'message', 'eta']) row[name] = make('span', name);
			row.title.dir = row.message.dir = 'auto';
			row.stop = make('button', 'cancel', 'Cancel');
			row.stop.onclick = () => this.cancel(row);
			row.bar = make('div', 'bar');
			row.track = make('div', 'track', row.bar);
			row.track.role = 'progressbar';
			row.track.ariaValueMin = 0;
			row.node = make('li', 'item', make('div', 'line', row.title, row.state, row.stop), row.track, make('div', 'line', row.message, row.eta));
			row.node.tabIndex = -1;
			this.rows.set(id, row);
			this.list.append(row.node);
			return row;
		}

		// What someone looks at or has the focus in stays until they leave it.
		drop(id, now) {
			const row = this.rows.get(id);
			if (!now && row?.node.matches(':hover,:focus-within')) return void (row.fade = setTimeout(() => this.drop(id), 3000));
			row?.node.remove();
			this.rows.delete(id);
			this.fill();
		}

		async cancel(row) {
			if (row.asked || !(await ask(this.shadowRoot, `Cancel “${row.name}”?`)) || row.item.status in ENDED) return;
			row.asked = true;
			this.fill();
			const wrong = await cancel(this.system, row.item.run);
			if (!wrong) return;
			row.asked = false;
			this.fill();
			write(row.message, wrong);
			this.say(`${row.name}: ${wrong}`, true);
		}

		show(row, item, at) {
			const { title, process, progress, total, percent, link, status } = item;
			Object.assign(row, { item, at });
			const name = title ?? process;
			const known = total != null;
			const safe = /^(https?:\/\/|\/(?!\/))[^\s\\]*$/.test(link ?? '') && link;
			if (row.name !== name || row.link !== safe) {
				Object.assign(row, { name, link: safe });
				row.title.replaceChildren(safe ? Object.assign(document.createElement('a'), { href: safe, textContent: name }) : name);
				row.track.ariaLabel = name;
				row.stop.ariaLabel = `Cancel ${name}`;
			}
			const figures = [progress, total].filter((n) => n != null).map((n) => number.format(n));
			write(row.message, [figures.join(' / '), item.status_message].filter(Boolean).join(' · '));
			row.track.ariaValueMax = known ? total : null;
			row.track.ariaValueNow = known ? progress : null;
			row.bar.style.width = known ? `${percent}%` : status in ENDED ? '100%' : '';
		}

		// What also changes with time, with the run and with the connection.
		count(row) {
			const { item, at, eta, stands, track, stop, asked } = row;
			const over = item.status in ENDED;
			const known = item.total != null;
			const parked = !over && /queued|waiting/.test(stands) && at < row.since + 500 && stands;
			const state = ENDED[item.status] ?? (asked ? 'cancelling…' : parked || (known ? `${Math.floor(item.percent)} %` : ''));
			row.node.dataset.status = parked || item.status;
			track.classList.toggle('unknown', !known && !over);
			write(row.state, state);
			const fresh = this.note.hidden && !parked && Date.now() < Date.parse(item.eta_until);
			write(eta, fresh ? left(item.eta_seconds - (Date.now() - Math.min(at, Date.parse(item.updated_at))) / 1000) : '');
			track.ariaValueText = [state, row.message.textContent].filter(Boolean).join(', ') || 'running';
			const stops = this.hasAttribute('cancel') && !over;
			if (!stops && this.shadowRoot.activeElement === stop) row.node.focus();
			stop.hidden = !stops;
			stop.ariaDisabled = !!asked;
		}
	}
	customElements.define('hefe-progress', Progress);
})();
