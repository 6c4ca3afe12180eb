// Looks at pages with axe, in light, dark and on a phone, and says what it finds, a JSON line a page and look. A picture of
// each goes to the folder that is named last.
import { findings, launch, say, signIn } from './chromium.mjs';

const [base, key, pages, pictures] = process.argv.slice(2);
const LOOKS = {
  light: { viewport: { width: 1280, height: 900 }, colorScheme: 'light' },
  dark: { viewport: { width: 1280, height: 900 }, colorScheme: 'dark' },
  phone: { viewport: { width: 320, height: 640 }, colorScheme: 'light', hasTouch: true },
};

const browser = await launch();
try {
  await Promise.all(Object.entries(LOOKS).map(async ([look, settings]) => {
    // What moves in between is half as bright as it will be.
    const context = await browser.newContext({ ...settings, reducedMotion: 'reduce' });
    const page = await context.newPage();
    const see = async (name) => {
      await page.evaluate(() => document.querySelectorAll('main details').forEach((details) => { details.open = true; }));
      if (pictures) await page.screenshot({ path: `${pictures}/${name}-${look}.png`, fullPage: true });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      say({ page: name, look, found: await findings(page), wide });
    };
    await page.goto(`${base}/ui/signin`);
    await see('signin');
    await page.fill('[name=key]', 'nonsense');
    await Promise.all([page.waitForNavigation(), page.press('[name=key]', 'Enter')]);
    await see('signin-refused');
    await signIn(page, base, key);
    for (const [name, path] of Object.entries(JSON.parse(pages))) {
      await page.goto(base + path);
      if (await page.locator('[data-link]').count()) await page.locator('[data-link=up]').waitFor();
      await see(name);
    }
    const cancel = page.locator('[data-cancel]').first();
    if (await cancel.count()) {
      await cancel.click();
      await see('dialog');
    }
    await context.close();
  }));
} finally {
  await browser.close();
}
