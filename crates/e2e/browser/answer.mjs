// Opens the address of a signal in Debian's chromium, without scripts, chooses an answer by keyboard and says, a JSON line,
// what a person saw.
import { launch } from './chromium.mjs';

const [address, answer, screenshot] = process.argv.slice(2);
const browser = await launch();
try {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  const broken = [];
  page.on('response', (response) => { if (response.status() >= 400) broken.push(response.url()); });
  await page.goto(address);
  const question = await page.getByRole('main').innerText();
  if (screenshot) await page.screenshot({ path: screenshot });
  const button = page.getByRole('button', { name: answer });
  const colour = await button.evaluate((element) => getComputedStyle(element).borderRadius);
  await button.focus();
  await page.keyboard.press('Enter');
  await page.getByText('Thank you').waitFor();
  const thanks = await page.getByRole('main').innerText();
  await page.goto(address);
  const again = await page.getByRole('main').innerText();
  console.log(JSON.stringify({ question, thanks, again, styled: colour !== '0px', broken }));
} finally {
  await browser.close();
}
