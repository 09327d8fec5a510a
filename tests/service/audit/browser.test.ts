import { afterEach, beforeAll, expect, test } from '@jest/globals';
import axe, { type AxeResults } from 'axe-core';
import type { BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { describeInBrowser } from '../../support/browser';
import { sharedService } from '../../support/shared';
import { AUDITOR, testEnvironment } from '../../support/environment';
import { fullSync } from '../../support/syncs';

const SCRIPT = '<script>alert(1)</script>';
const READER = { httpCredentials: { username: AUDITOR.user, password: AUDITOR.password } };
const { apiUrl } = testEnvironment().compensate;

describeInBrowser('the audit pages in a browser', (browser) => {
  const client = sharedService();
  let id: string;
  beforeAll(async () => {
    id = await client.createNamespace({ name: `Shop ${SCRIPT}` });
    await client.provision(id, fullSync(5), 1);
    await client.provision(id, { base_product: { plan_code: SCRIPT, seats: null } }, 2);
    await client.fault(id, 'subscription_add_on_purchases', '23514');
    await client.provision(id, fullSync(8), 3);
    await client.heal(id);
  });

  let context: BrowserContext;
  let page: Page;
  /** What a page must not do: errors, refusals of the content policy, dialogs. */
  let complaints: string[];
  const visit = async (options: BrowserContextOptions = {}, reader: BrowserContextOptions = READER) => {
    complaints = [];
    context = await browser().newContext({ ...reader, ...options });
    page = await context.newPage();
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('dialog', (dialog) => {
      complaints.push(`dialog ${dialog.message()}`);
      void dialog.dismiss();
    });
  };
  afterEach(() => context.close());

  test.each([
    ['light', 1280],
    ['dark', 360],
  ] as const)(
    'are %s at %i pixels: no complaint, nothing cut off, accessible',
    async (colorScheme, width) => {
      await visit({ colorScheme, viewport: { width, height: 800 } });
      for (const path of ['/namespaces', `/namespaces/${id}`]) {
        await page.goto(apiUrl + path);
        for (const summary of await page.locator('summary').all()) {
          if (!(await summary.evaluate(({ parentElement }) => parentElement?.hasAttribute('open'))))
            await summary.click();
        }
        expect(
          await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth),
        ).toBeLessThanOrEqual(0);
        await page.evaluate(axe.source); // through the debugger: the page itself may run no script
        const { violations, passes } = await page.evaluate<AxeResults>('axe.run()');
        expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
        expect(passes.map(({ id }) => id)).toEqual(
          expect.arrayContaining(['color-contrast', 'landmark-one-main', 'page-has-heading-one', 'region']),
        );
        expect(await page.locator('table:not(:has(caption))').count()).toBe(0);
      }
      expect(complaints).toEqual([]);
    },
  );

  test('show what a namespace got, and its name as text', async () => {
    await visit();
    await page.goto(`${apiUrl}/namespaces/${id}`);
    expect(await page.getByRole('heading', { level: 1 }).innerText()).toBe(`Shop ${SCRIPT}`);
    for (const name of ['Entitlements now', 'Set by syncs over time', 'Syncs']) {
      expect(await page.getByRole('heading', { level: 2, name, exact: true }).isVisible()).toBe(true);
    }
    const [undone, refused, applied] = await page.getByRole('article').all();
    expect(await undone?.innerText()).toMatch(/^Sync 3 refused undone\n[^]*put back/);
    expect(await refused?.innerText()).toMatch(/^Sync 2 refused\n[^]*seats can't be blank/);
    expect(await applied?.innerText()).toMatch(/^Sync 1 applied\n/);
    expect(await page.getByRole('img', { name: /^Seats: 3 changes, from none to 5/ }).isVisible()).toBe(true);
    // The stylesheet has come through the content policy.
    const colours = await page
      .locator('del, ins')
      .evaluateAll((marks) => marks.map((mark) => getComputedStyle(mark).backgroundColor));
    expect(new Set(colours).size).toBe(2);
    expect(complaints).toEqual([]);
  });

  test('can be used by keyboard alone', async () => {
    await visit();
    await page.goto(`${apiUrl}/namespaces`);
    const focused = () =>
      page.evaluate(() => document.activeElement?.textContent || document.activeElement?.id);
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('Skip to the content');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('q');
    await page.keyboard.type(`group-${id}`);
    await page.keyboard.press('Enter');
    await page.waitForURL(`${apiUrl}/namespaces/${id}`);

    const changes = page.getByRole('article').last().locator('details').last();
    expect(await changes.evaluate((details: HTMLDetailsElement) => details.open)).toBe(false);
    await changes.locator('summary').focus();
    await page.keyboard.press('Enter');
    expect(await changes.getByRole('table').first().isVisible()).toBe(true);
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.getAttribute('role'))).toBe('group'); // scrolls by arrows
    expect(complaints).toEqual([]);
  });

  test('ask for a password', async () => {
    await visit({}, {});
    await expect(page.goto(`${apiUrl}/namespaces`)).rejects.toThrow('ERR_INVALID_AUTH_CREDENTIALS');
  });
});
