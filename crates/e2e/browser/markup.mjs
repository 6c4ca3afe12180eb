// Signs in at a server in Debian's chromium, looks at every page that shows what people typed, and says, a JSON line, which
// of it ran and which links are scripts. The policy of the pages is switched off: their text alone has to be enough.
import { chromium } from 'playwright-core';

let text = '';
for await (const piece of process.stdin) text += piece;
const { base, key, pages, start } = JSON.parse(text);
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});
try {
  const context = await browser.newContext({ bypassCSP: true });
  const ran = [];
  await context.exposeFunction('own', (number) => { ran.push(number); });
  const page = await context.newPage();
  page.on('dialog', (dialog) => { ran.push(dialog.message()); dialog.dismiss(); });
  await page.goto(`${base}/ui/signin`);
  await page.addScriptTag({ content: 'own(0)' });
  await page.waitForTimeout(0);
  const control = ran.splice(0);
  await page.fill('[name=key]', key);
  await Promise.all([page.waitForNavigation(), page.press('[name=key]', 'Enter')]);
  const links = [];
  // Links of the page and of the elements in it; none but the bars', which are the workflow's, leads to another server.
  const look = () => page.evaluate(() => {
    const roots = [document, ...[...document.querySelectorAll('*')].map((node) => node.shadowRoot).filter(Boolean)];
    const all = (selector) => roots.flatMap((root) => [...root.querySelectorAll(selector)]);
    const wrong = all('[href], [src], [action]').map((node) => node.href?.baseVal ?? node.href ?? node.src ?? node.action)
      .filter((address) => !address.startsWith(location.origin) && !address.startsWith('#'));
    const handlers = all('[onerror], [onload], [onclick], iframe, math').map((node) => node.outerHTML);
    const words = roots.map((root) => (root.body ?? root).textContent).join(' ');
    return { wrong: [...wrong, ...handlers], shows: words.includes('own(') };
  });
  let shown = 0;
  for (const path of pages) {
    await page.goto(base + path);
    const { wrong, shows } = await look();
    links.push(...wrong.map((address) => [path, address]));
    if (shows) shown += 1;
  }
  // What comes while a page is open.
  await page.goto(`${base}/ui/shop/mine`);
  for (const input of start) {
    await page.evaluate(([path, input]) => fetch(path, { method: 'POST', body: JSON.stringify(input), headers: { 'content-type': 'application/json' } }), ['/shop/webhook/lay', input]);
  }
  await page.waitForFunction((count) => document.querySelectorAll('#toasts > *').length >= count, start.length, { timeout: 10000 });
  const toasts = await page.locator('#toasts > *').count();
  links.push(...(await look()).wrong.map((address) => ['toasts', address]));
  await page.locator('#toasts').screenshot();
  console.log(JSON.stringify({ control, ran, links, shown, toasts }));
} finally {
  await browser.close();
}
