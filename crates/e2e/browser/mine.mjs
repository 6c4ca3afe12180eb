// "My work" of a server that stands under /hefe behind a proxy, as a person with two tabs and a keyboard uses it. Says, a JSON
// line each, what was seen.
import { launch, say, told } from './chromium.mjs';
import { proxy } from './proxy.mjs';

const [port, key, pictures] = process.argv.slice(2);
const { base: host, close } = await proxy(Number(port));
const base = `${host}/hefe`;
const mine = `${base}/ui/bakery/mine`;
const browser = await launch();
try {
  const context = await browser.newContext({ viewport: { width: 1000, height: 800 } });
  const requests = [];
  context.on('request', (request) => requests.push(new URL(request.url()).pathname));
  const wrong = [];
  const open = async () => {
    const page = await context.newPage();
    page.on('pageerror', (error) => wrong.push(error.message));
    page.on('console', (message) => message.type() === 'error' && /Content Security/.test(message.text()) && wrong.push(message.text()));
    await page.goto(mine);
    return page;
  };
  const live = (page) => page.locator('[data-link=up]').waitFor();

  // Whoever is not signed in signs in, and is where they wanted to be.
  const one = await open();
  const door = one.url();
  await one.fill('[name=key]', key);
  await Promise.all([one.waitForNavigation(), one.press('[name=key]', 'Enter')]);
  await live(one);
  const cookie = (await context.cookies()).find(({ name }) => name === 'hefe_session');
  say({ door: door.replace(host, ''), here: one.url() === mine, path: cookie.path });

  // Two tabs, one stream; a run that is started elsewhere appears in both.
  const two = await open();
  await live(two);
  const order = (page, bread) => page.evaluate(async (bread) => {
    const answer = await fetch('/hefe/bakery/webhook/bake', { method: 'POST', body: JSON.stringify({ bread }), headers: { 'content-type': 'application/json' } });
    return answer.headers.get('location');
  }, bread);
  const place = await order(two, 'Slow loaf');
  const bar = (page, bread) => page.getByRole('progressbar', { name: bread });
  await Promise.all([bar(one, 'Slow').waitFor(), bar(two, 'Slow').waitFor()]);
  const streams = requests.filter((path) => path.endsWith('/events')).length;

  // Cancelled by keyboard alone: Escape is a no, and the focus is where it was.
  await one.bringToFront();
  for (let n = 0; n < 30; n += 1) {
    if (await one.evaluate(() => 'cancel' in document.activeElement.dataset)) break;
    await one.keyboard.press('Tab');
  }
  const focused = () => one.evaluate(() => { const on = document.activeElement; return on.getAttribute('aria-label') ?? on.textContent.trim(); });
  const button = await focused();
  await one.keyboard.press('Enter');
  await one.getByRole('dialog').waitFor();
  const safe = await focused();
  if (pictures) await one.screenshot({ path: `${pictures}/mine-dialog.png` });
  await one.keyboard.press('Escape');
  await one.getByRole('dialog').waitFor({ state: 'detached' });
  const back = await focused();
  await one.keyboard.press('Enter');
  await one.keyboard.press('Tab');
  await one.keyboard.press('Enter');
  await Promise.all([one, two].map((page) => page.locator('.badge.cancelled').waitFor()));
  await Promise.all([one, two].map((page) => page.locator('[data-cancel]').waitFor({ state: 'detached' })));
  const stays = await one.evaluate(() => document.activeElement.matches('.card'));
  say({ place, streams, button, safe, back, stays });

  // Every link leads to where the server is.
  const strays = [];
  for (const path of ['/ui/bakery/mine', '/ui/bakery/runs', '/ui/bakery/progress', '/ui/bakery/workflows', '/docs', '/ui/nothing/runs', place.replace('/hefe/bakery', '/ui/bakery')]) {
    await two.goto(base + path);
    const links = await two.evaluate(() => [...document.querySelectorAll('[href], [src], [action], [formaction]')]
      .flatMap((node) => ['href', 'src', 'action', 'formaction'].map((name) => node.getAttribute(name)).filter(Boolean)));
    strays.push(...links.filter((link) => !/^(\/hefe\/|#|\?)/.test(link)));
  }
  const socket = await two.evaluate(async () => {
    const { key } = await (await fetch('/hefe/bakery/broadcasting')).json();
    const socket = new WebSocket(`ws://${location.host}/hefe/app/${key}?protocol=7`);
    return new Promise((done) => { socket.onmessage = ({ data }) => done(JSON.parse(data).event); socket.onerror = () => done('error'); });
  });
  say({ strays, socket });

  // The server dies in the middle of a run and comes back: the page goes on by itself.
  await two.goto(mine);
  await order(two, 'Long loaf');
  await bar(one, 'Long').waitFor();
  say({ ready: true });
  await one.locator('[data-link=down]').waitFor();
  await told();
  await live(one);
  await one.locator('[data-run]').filter({ hasText: 'Long loaf' }).locator('.badge.succeeded').waitFor({ timeout: 60000 });
  say({ back: await bar(one, 'Long').getAttribute('aria-valuetext') });

  // Signed out in one tab, the other leads to the door, and from there back.
  await two.bringToFront();
  await Promise.all([two.waitForNavigation(), two.getByRole('button', { name: 'Sign out' }).click()]);
  await one.waitForURL(/signin/, { timeout: 60000 });
  const out = one.url().replace(host, '');
  if (pictures) await one.screenshot({ path: `${pictures}/mine-signin.png` });
  await one.fill('[name=key]', key);
  await Promise.all([one.waitForNavigation(), one.press('[name=key]', 'Enter')]);
  await live(one);
  say({ out, again: one.url() === mine, wrong });
} finally {
  await browser.close();
  close();
}
