// <hefe-progress system="NAME" [run="ROOT"] [user="ID"] [empty="text"]>: bars that go on by themselves. Their looks are the
// CSS variables --hefe-* below. All tabs share one stream: the tab that holds a lock opens it and tells the others; without
// locks or channels each tab has its own. `hefe.subscribe(system, fn)` gives a page the same events.
(() => {
	if (window.hefe) return;
	const origin = new URL(document.currentScript?.src ?? location.href).origin;
	const NAMES = ['progress', 'notification', 'toast', 'run'];
	const feeds = new Map();

	class Feed {
		constructor(system) {
			this.system = system;
			this.listeners = new Set();
			this.states = new Map();
			this.last = '';
			this.up = null;
			const name = `hefe:${origin}:${system}`;
			if (!window.BroadcastChannel || !navigator.locks) return void this.open();
			this.channel = new BroadcastChannel(name);
			this.channel.onmessage = ({ data }) => {
				if (data.ask) {
					if (this.source) this.tell({ states: [...this.states.values()], last: this.last, up: this.up });
				} else if (data.states) {
					data.states.forEach((state) => this.take(state));
					this.last = data.last;
					this.link(data.up);
				} else if ('up' in data) this.link(data.up);
				else this.take(data);
			};
			this.tell({ ask: true });
			// Held until the tab goes; then the next one opens the stream where this one stood.
			navigator.locks.request(name, () => (this.open(), new Promise(() => {}))).catch(() => this.open());
		}

		open() {
			// A page of ours says where the stream stood as it was written: nothing that happened since is missed.
			const page = document.body.dataset.system === this.system ? document.body.dataset.head : '';
			const from = this.last ? `?last_event_id=${encodeURIComponent(this.last)}` : page ? `?page=${encodeURIComponent(page)}` : '';
			const url = `${origin}/${encodeURIComponent(this.system)}/events${from}`;
			const source = (this.source = new EventSource(url, { withCredentials: true }));
			source.onopen = () => this.link(true);
			source.onerror = () => {
				this.link(false);
				// A refusal ends it for good; a lost connection it mends itself.
				if (source.readyState === 2) setTimeout(() => this.open(), 3000);
			};
			for (const event of NAMES) {
				source.addEventListener(event, (message) => {
					const state = { event, data: JSON.parse(message.data), id: message.lastEventId, at: Date.now() };
					this.take(state);
					this.tell(state);
				});
			}
		}

		tell(message) {
			this.channel?.postMessage(message);
		}

		link(up) {
			if (this.source && up !== this.up) this.tell({ up });
			this.up = up;
			dispatchEvent(new CustomEvent('hefe-link', { detail: { system: this.system, up } }));
		}

		take(state) {
			if (state.id) this.last = state.id;
			if (state.event === 'progress' || state.event === 'run') {
				const { id, seq, gone, status } = state.data;
				const known = this.states.get(id);
				if (known && known.data.seq > seq) return;
				this.states.set(id, state);
				// What moves no more is kept for tabs and bars that come a little later.
				const over = state.event === 'run' || gone || status !== 'running';
				if (over) setTimeout(() => this.states.get(id) === state && this.states.delete(id), 60000);
			}
			this.listeners.forEach((listener) => listener(state.event, state.data, state.at));
		}
	}

	const subscribe = (system, listener) => {
		if (!feeds.has(system)) feeds.set(system, new Feed(system));
		const feed = feeds.get(system);
		feed.listeners.add(listener);
		feed.states.forEach((state) => listener(state.event, state.data, state.at));
		return () => feed.listeners.delete(listener);
	};
	window.hefe = { subscribe };

	const sheet = new CSSStyleSheet();
	sheet.replaceSync(`
:host{display:block;color:var(--hefe-text, inherit);font:inherit}
:host([hidden]){display:none}
.item + .item{margin-top:var(--hefe-gap, 1rem)}
.line{display:flex;gap:.75rem;align-items:baseline;justify-content:space-between}
.title{font-weight:600;overflow-wrap:anywhere}
.title a{color:inherit}
.figures, .message, .eta, .empty{color:var(--hefe-quiet, #78716c);font-size:.875em}
.figures, .eta{font-variant-numeric:tabular-nums;white-space:nowrap}
.track{height:var(--hefe-height, .5rem);margin:.35rem 0 .25rem;overflow:hidden;
border-radius:var(--hefe-radius, 1rem);background:var(--hefe-track, #e7e5e4)}
.bar{height:100%;width:0;border-radius:inherit;background:var(--hefe-accent, #d97706);transition:width .35s ease-out}
[data-status=succeeded] .bar{background:var(--hefe-good, #15803d)}
[data-status=failed] .bar{background:var(--hefe-bad, #b91c1c)}
[data-status=failed] .message{color:var(--hefe-bad, #b91c1c)}
[data-status=cancelled] .bar{background:var(--hefe-quiet, #78716c)}
.unknown .bar{width:35%;animation:rise 1.6s ease-in-out infinite alternate}
@keyframes rise{from{transform:translateX(-20%)} to{transform:translateX(205%)}}
@media (prefers-reduced-motion:reduce){.bar{transition:none} .unknown .bar{animation:none;width:100%;opacity:.5}}
.said{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
`);

	const make = (tag, name, ...inside) => {
		const element = document.createElement(tag);
		element.className = name;
		element.setAttribute('part', name);
		element.append(...inside);
		return element;
	};
	const number = new Intl.NumberFormat(document.documentElement.lang || undefined, { maximumFractionDigits: 1 });
	const left = (seconds) =>
		seconds < 1 ? '' : seconds < 60 ? `${Math.ceil(seconds)} s left`
			: seconds < 3600 ? `${Math.ceil(seconds / 60)} min left` : `${Math.round(seconds / 360) / 10} h left`;

	class Progress extends HTMLElement {
		connectedCallback() {
			if (!this.shadowRoot) {
				const root = this.attachShadow({ mode: 'open' });
				root.adoptedStyleSheets = [sheet];
				this.said = make('div', 'said');
				this.said.setAttribute('aria-live', 'polite');
				this.empty = make('div', 'empty');
				this.list = make('div', 'list');
				root.append(this.list, this.empty, this.said);
				this.rows = new Map();
				const first = this.querySelector('script[type="application/json"]')?.textContent;
				if (first) JSON.parse(first).forEach((item) => this.take(item, Date.now(), true));
			}
			this.leave = subscribe(this.getAttribute('system'), (event, data, at) => {
				if (event === 'progress') this.take(data, at);
			});
			this.clock = setInterval(() => this.rows.forEach((row) => this.count(row)), 1000);
			this.fill();
		}

		disconnectedCallback() {
			this.leave?.();
			clearInterval(this.clock);
		}

		fill() {
			this.toggleAttribute('data-bare', !this.rows.size);
			this.empty.textContent = this.rows.size ? '' : (this.getAttribute('empty') ?? '');
		}

		take(item, at, quiet) {
			const row = this.rows.get(item.id);
			const [run, user] = [this.getAttribute('run'), this.getAttribute('user')];
			if (item.gone) return void this.drop(item.id);
			if ((run && item.run !== run) || (user && item.user !== user) || (row && row.item.seq >= item.seq)) return;
			// A list of what moves does not begin with what has ended.
			if (!row && !run && item.status !== 'running') return;
			this.show(row ?? this.add(item.id), item, at);
			const words = `${item.title ?? item.process}: ${item.status === 'running' ? (item.status_message ?? '') : item.status}`;
			if (!quiet) this.say(words, item.status !== 'running');
			clearTimeout(row?.fade);
			if (!run && item.status !== 'running') this.rows.get(item.id).fade = setTimeout(() => this.drop(item.id), 10000);
			this.fill();
		}

		// Not every step: a screen reader would speak for ever.
		say(words, now) {
			if (words === this.words || (!now && Date.now() - (this.spoke ?? 0) < 5000)) return;
			[this.words, this.spoke, this.said.textContent] = [words, Date.now(), words];
		}

		add(id) {
			const row = { title: make('span', 'title'), figures: make('span', 'figures'), bar: make('div', 'bar'),
				message: make('span', 'message'), eta: make('span', 'eta') };
			row.track = make('div', 'track', row.bar);
			row.track.setAttribute('role', 'progressbar');
			row.track.setAttribute('aria-valuemin', '0');
			row.node = make('div', 'item', make('div', 'line', row.title, row.figures), row.track, make('div', 'line', row.message, row.eta));
			this.rows.set(id, row);
			this.list.append(row.node);
			return row;
		}

		drop(id) {
			this.rows.get(id)?.node.remove();
			this.rows.delete(id);
			this.fill();
		}

		show(row, item, at) {
			row.item = item;
			row.at = Math.min(at, Date.parse(item.updated_at));
			const name = item.title ?? item.process;
			const over = item.status !== 'running';
			const known = item.total != null;
			row.node.dataset.status = item.status;
			const safe = /^(https?:\/\/|\/(?!\/))[^\s\\]*$/.test(item.link ?? '');
			row.title.replaceChildren(safe ? Object.assign(document.createElement('a'), { href: item.link, textContent: name }) : name);
			row.figures.textContent = known ? `${number.format(item.progress)} / ${number.format(item.total)}` : number.format(item.progress);
			row.message.textContent = item.status_message ?? (over ? item.status : '');
			row.track.classList.toggle('unknown', !known && !over);
			row.track.setAttribute('aria-label', name);
			row.track.setAttribute('aria-valuetext', `${row.figures.textContent} ${row.message.textContent}`);
			if (known) {
				row.track.setAttribute('aria-valuemax', item.total);
				row.track.setAttribute('aria-valuenow', item.progress);
				row.bar.style.width = `${item.percent ?? 0}%`;
			} else {
				row.track.removeAttribute('aria-valuemax');
				row.track.removeAttribute('aria-valuenow');
				row.bar.style.width = over ? '100%' : '';
			}
			this.count(row);
		}

		count({ item, at, eta }) {
			const words = Date.now() < Date.parse(item.eta_until) ? left(item.eta_seconds - (Date.now() - at) / 1000) : '';
			if (eta.textContent !== words) eta.textContent = words;
		}
	}
	customElements.define('hefe-progress', Progress);
})();
