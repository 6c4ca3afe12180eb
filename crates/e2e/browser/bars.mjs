// Opens a page of the server in Debian's chromium and says, a JSON line each, what a person sees: the bars' values as they
// change, and every request that the page made. Ends when a bar is full or after the deadline.
import { chromium } from 'playwright-core';

const [page_url, screenshot] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});
try {
  const page = await browser.newPage();
  const requests = [];
  page.on('request', (request) => requests.push(new URL(request.url()).pathname));
  await page.goto(page_url);
  console.log(JSON.stringify({ ready: true }));
  const before = requests.length;
  const seen = [];
  const bar = page.locator('[role=progressbar]').first();
  await bar.waitFor({ state: 'visible', timeout: 30000 });
  const deadline = Date.now() + 60000;
  while (Date.now() < deadline && seen.at(-1) !== 100) {
    const now = Number(await bar.getAttribute('aria-valuenow'));
    const max = Number((await bar.getAttribute('aria-valuemax')) ?? 100);
    const percent = Math.round((now / max) * 100);
    if (percent !== seen.at(-1)) seen.push(percent);
    await page.waitForFunction(
      ([old]) => {
        const bar = document.querySelector('[role=progressbar]') ?? document.querySelector('hefe-progress')?.shadowRoot?.querySelector('[role=progressbar]');
        return bar && bar.getAttribute('aria-valuenow') !== old;
      },
      [String(now)],
      { timeout: 30000 },
    ).catch(() => {});
  }
  if (screenshot) await page.screenshot({ path: screenshot, fullPage: true });
  console.log(JSON.stringify({ seen, before: requests.slice(0, before), after: requests.slice(before) }));
} finally {
  await browser.close();
}
