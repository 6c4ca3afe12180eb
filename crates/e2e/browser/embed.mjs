// The page of examples/embed, unmodified and at its own origin, as a person uses it: signs in, orders, watches, cancels by
// keyboard, and stays while the server is away. Says, a JSON line each, what was seen.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { findings, launch, say, told } from './chromium.mjs';

const [port, key, pictures] = process.argv.slice(2);
const html = await readFile(new URL('../../../examples/embed/page/index.html', import.meta.url));
// The same without its answer to an end of the session, for what the element does by itself.
const bare = String(html).replace('location.reload();', '');
const site = createServer(({ url }, answer) => answer.setHeader('content-type', 'text/html').end(url === '/bare' ? bare : html)).listen(0, '127.0.0.1');
await new Promise((done) => site.once('listening', done));
// Where the example says that they are; the test's own are wherever there was room.
const rules = `MAP localhost:8090 127.0.0.1:${site.address().port}, MAP localhost:8086 127.0.0.1:${port}`;
const browser = await launch([`--host-resolver-rules=${rules}`]);
try {
  const context = await browser.newContext({ viewport: { width: 900, height: 900 } });
  const page = await context.newPage();
  const wrong = [];
  page.on('pageerror', (error) => wrong.push(error.message));
  await page.goto('http://localhost:8090/');
  await page.getByText('Nothing is baking').waitFor();
  await page.getByLabel('Your key').fill('hefe_000000000000_nonsense');
  await page.keyboard.press('Enter');
  await page.getByText('lets nobody in').waitFor();
  await page.getByLabel('Your key').fill(key);
  await page.keyboard.press('Enter');

  const order = async (bread) => {
    await page.getByLabel('Which one?').fill(bread);
    await page.keyboard.press('Enter');
    await page.getByRole('progressbar', { name: bread }).waitFor();
  };
  const note = (text) => page.locator('.note').getByText(text);
  const bar = (bread) => page.getByRole('progressbar', { name: bread });
  await order('Rye <b>bread</b>');
  const seen = await page.evaluate(() => new Promise((done) => {
    const values = [];
    const look = () => {
      const bar = document.querySelector('hefe-progress').shadowRoot.querySelector('[role=progressbar]');
      const value = Number(bar.getAttribute('aria-valuenow'));
      if (value !== values.at(-1)) values.push(value);
      if (bar.ariaValueText.includes('done')) done(values);
      else requestAnimationFrame(look);
    };
    look();
  }));
  if (pictures) await page.screenshot({ path: `${pictures}/embed-done.png` });
  say({ seen, text: await bar('Rye').getAttribute('aria-valuetext'), found: await findings(page) });

  await order('Slow loaf');
  const button = page.getByRole('button', { name: 'Cancel Baking Slow loaf' });
  await page.getByLabel('Which one?').focus();
  // By keyboard alone: on from the form to the button, and a no that is an Escape.
  const tabs = [];
  while ((await page.evaluate(() => document.activeElement.shadowRoot?.activeElement?.className)) !== 'cancel') {
    await page.keyboard.press('Tab');
    tabs.push(await page.evaluate(() => document.activeElement.tagName));
    if (tabs.length > 9) throw new Error(`no button: ${tabs}`);
  }
  const outline = await button.evaluate((node) => getComputedStyle(node).outlineStyle);
  const before = await bar('Slow').getAttribute('aria-valuenow');
  await page.waitForFunction((before) => {
    const bars = [...document.querySelector('hefe-progress').shadowRoot.querySelectorAll('[role=progressbar]')];
    return bars.find((bar) => bar.ariaLabel.includes('Slow')).getAttribute('aria-valuenow') > before;
  }, before);
  const kept = await page.evaluate(() => document.activeElement.shadowRoot.activeElement?.className);
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  if (pictures) await page.screenshot({ path: `${pictures}/embed-dialog.png` });
  const asked = await findings(page);
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  const back = await page.evaluate(() => document.activeElement.shadowRoot?.activeElement?.className);
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.getByText('cancelled', { exact: true }).first().waitFor();
  const after = await page.evaluate(() => document.activeElement.shadowRoot?.activeElement?.className);
  say({ outline, kept, asked, back, after });

  // The server goes away in the middle, and comes back.
  await order('Long loaf');
  say({ ready: true });
  await note('Connection lost').waitFor();
  if (pictures) await page.screenshot({ path: `${pictures}/embed-lost.png` });
  say({ lost: await findings(page) });
  await told();
  await page.locator('.note').waitFor({ state: 'hidden' });
  await page.waitForFunction(() => {
    const bars = [...document.querySelector('hefe-progress').shadowRoot.querySelectorAll('[role=progressbar]')];
    return bars.find((bar) => bar.ariaLabel.includes('Long'))?.ariaValueText.includes('done');
  }, null, { timeout: 60000 });
  say({ back: await bar('Long').getAttribute('aria-valuetext') });

  // The key is taken back: the form is there again, and nothing of what was seen.
  const other = await context.newPage();
  await other.goto('http://localhost:8090/bare');
  await other.getByLabel('Your key').fill(key);
  await other.keyboard.press('Enter');
  await other.getByLabel('Which one?').fill('Slow loaf');
  await other.keyboard.press('Enter');
  await other.getByRole('progressbar', { name: 'Slow loaf' }).waitFor();
  say({ ready: true });
  await told();
  await page.getByLabel('Your key').waitFor();
  await page.getByText('You are signed out').waitFor();
  await other.locator('.note').getByText('You are signed out').waitFor();
  const left = await other.getByRole('progressbar').count();
  if (pictures) await page.screenshot({ path: `${pictures}/embed-out.png` });
  say({ out: await findings(page), left, wrong });
} finally {
  await browser.close();
  site.close();
}
