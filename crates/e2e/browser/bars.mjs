// Opens a page of the server in Debian's chromium and says, a JSON line each, what a person sees: the bars' values as they
// change, and every request that the page made. Ends when a bar is full or after the deadline.
import { launch } from './chromium.mjs';

const [page_url, screenshot] = process.argv.slice(2);
const browser = await launch();
try {
  const page = await browser.newPage();
  const requests = [];
  // The tab's picture is the browser's own affair; it may come late.
  page.on('request', (request) => {
    const { pathname } = new URL(request.url());
    if (pathname !== '/favicon.svg') requests.push(pathname);
  });
  await page.goto(page_url);
  const before = requests.length;
  // Begun before anyone is told to launch: no value that is painted goes by unseen.
  const watched = page.evaluate(() => new Promise((resolve) => {
    const seen = [];
    const look = () => {
      const bar = document.querySelector('hefe-progress')?.shadowRoot?.querySelector('[role=progressbar]');
      const percent = Math.round((bar?.getAttribute('aria-valuenow') / (bar?.getAttribute('aria-valuemax') ?? 100)) * 100);
      if (bar?.getBoundingClientRect().height > 0 && percent !== seen.at(-1)) seen.push(percent);
      if (seen.at(-1) === 100) resolve(seen);
      else requestAnimationFrame(look);
    };
    look();
    setTimeout(() => resolve(seen), 60000);
  }));
  console.log(JSON.stringify({ ready: true }));
  const seen = await watched;
  if (screenshot) await page.screenshot({ path: screenshot, fullPage: true });
  console.log(JSON.stringify({ seen, before: requests.slice(0, before), after: requests.slice(before) }));
} finally {
  await browser.close();
}
