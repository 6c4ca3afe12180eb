// Signs in at a server in Debian's chromium, and listens there as a page of it would: by pusher-js as a browser gets it,
// with nothing but the cookie, and by EventSource. Says, a JSON line each, that it listens and what both heard.
import { readFile } from 'node:fs/promises';
import { launch } from './chromium.mjs';

const [base, system, user, key] = process.argv.slice(2);
const library = await readFile(new URL('../clients/node_modules/pusher-js/dist/web/pusher.min.js', import.meta.url), 'utf8');
const browser = await launch();
try {
  // Pages of the server take no scripts of others.
  const page = await (await browser.newContext({ bypassCSP: true })).newPage();
  await page.goto(`${base}/ui/signin`);
  await page.fill('[name=key]', key);
  await Promise.all([page.waitForNavigation(), page.press('[name=key]', 'Enter')]);
  await page.addScriptTag({ content: library });
  await page.evaluate(async ([system, user]) => {
    const { key } = await (await fetch(`/${system}/broadcasting`)).json();
    const pusher = new Pusher(key, {
      wsHost: location.hostname, wsPort: location.port, forceTLS: false, enabledTransports: ['ws'], cluster: '',
      channelAuthorization: { endpoint: `/${system}/broadcasting/auth` },
    });
    const channel = pusher.subscribe(`private-user.${user}`);
    const events = new EventSource(`/${system}/events`);
    window.heard = Promise.all([
      new Promise((done) => channel.bind('notification', done)),
      new Promise((done) => events.addEventListener('notification', ({ data }) => done(JSON.parse(data)))),
    ]);
    await Promise.all([
      new Promise((done, fail) => {
        channel.bind('pusher:subscription_succeeded', done);
        channel.bind('pusher:subscription_error', (error) => fail(new Error(JSON.stringify(error))));
      }),
      new Promise((done) => { events.onopen = done; }),
    ]);
  }, [system, user]);
  console.log(JSON.stringify({ ready: true }));
  console.log(JSON.stringify(await page.evaluate(() => window.heard)));
} finally {
  await browser.close();
}
