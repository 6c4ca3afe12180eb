// Debian's chromium, and what several of these scripts do with it.
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

export const launch = (more = []) =>
  chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', ...more],
  });

export const say = (what) => console.log(JSON.stringify(what));

let lines;

// The next line that the test says.
export const told = async () => {
  lines ??= createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  return JSON.parse((await lines.next()).value);
};

export const signIn = async (page, base, key) => {
  await page.goto(`${base}/ui/signin`);
  await page.fill('[name=key]', key);
  await Promise.all([page.waitForNavigation(), page.press('[name=key]', 'Enter')]);
};

// What axe finds, with the places. It is evaluated from outside, so the page's policy stays as it is.
const axe = await readFile(new URL('node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
export const findings = async (page) => {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => axe.run());
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.target} ${node.html}`).join(' | ')}`);
};
