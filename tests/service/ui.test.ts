import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Locator, Page } from 'playwright-core';
import { startTemporalServer, type LocalTemporalServer } from '../../src/local/temporalServer';
import { describeInBrowser } from '../support/browser';
import { ServiceClient } from '../support/client';
import { testEnvironment } from '../support/environment';
import { eventually } from '../support/eventually';
import { installFaults } from '../support/faults';
import { startServiceProcess, type ServiceProcess } from '../support/serviceProcess';
import { fullSync } from '../support/syncs';
import { savedFilters } from './support/savedFilters';
import { createDatabase } from './sections/support/ownService';

/** `SCREENSHOTS=1` takes those of docs/temporal-ui.md. */
const IMAGES = process.env['SCREENSHOTS'] ? path.join(__dirname, '../../docs/images') : null;

// Its own server: those that the other tests use, or TEMPORAL_ADDRESS names, may have no UI.
let server: LocalTemporalServer;
let service: ServiceProcess;
let client: ServiceClient;
beforeAll(async () => {
  const { temporalCli: cli, adminUrl, directory } = testEnvironment();
  const dataDir = path.join(directory, 'ui');
  const dbFile = path.join(directory, 'ui.db');
  [server] = await Promise.all([startTemporalServer({ cli, dbFile, port: 0, uiPort: 0 }), mkdir(dataDir)]);
  const databaseUrl = await createDatabase(adminUrl, 'ui');
  await installFaults(databaseUrl);
  service = await startServiceProcess(
    {
      DATA_DIR: dataDir,
      GITLAB_DATABASE_URL: databaseUrl,
      TEMPORAL_ADDRESS: server.address,
      TEMPORAL_UI_URL: server.uiUrl ?? '',
    },
    ['--only', 'api,worker'],
  );
  client = ServiceClient.for({
    apiUrl: service.apiUrl,
    databaseUrl,
    dataDir,
    temporalNamespace: 'default',
  });
}, 120_000);
afterAll(async () => {
  await client?.close();
  await service?.stop();
  await server?.stop();
});

describeInBrowser("Temporal's UI", (browser) => {
  const open = async (url: string) => {
    const page = await browser().newPage({ viewport: { width: 1800, height: 1250 } });
    await page.goto(url);
    return page;
  };
  const shoot = async (seen: Page | Locator, name: string) => {
    if (IMAGES) await seen.screenshot({ path: path.join(IMAGES, `${name}.png`) });
  };

  test('X-Provision-Workflow-Url opens the run: summary, a labelled row for each step, before and after', async () => {
    const id = await client.createNamespace();
    await client.provision(id, fullSync(4), 1);
    const answer = await client.provision(id, fullSync(5), 2);
    const page = await open(answer.headers.get('x-provision-workflow-url') ?? '');
    for (const text of [
      `namespace ${id} · sync 2 · plan ultimate`,
      'Subscription: plan ultimate, seats 5, until 2027-01-01',
      'Limits: storage MiB 5120, extra minutes 500',
      'Add-ons: duo_pro',
    ]) {
      await page.getByText(text).first().waitFor();
    }
    await page.getByText('Subscription: plan ultimate').first().click();
    // The page draws only the lines in view, so the element is kept while its text changes.
    const payload = await page.locator('.cm-scroller', { hasText: '"updateSubscription"' }).elementHandle();
    await eventually(async () => {
      const text = (await payload?.innerText()) ?? '';
      await payload?.evaluate((element: { scrollBy(x: number, y: number): void }) => element.scrollBy(0, 60));
      return /"before": \{/.test(text) && /"seats": 4/.test(text) && /"after": \{/.test(text);
    }, 'the values before and after are shown');
    await shoot(page, 'run');
    await page.getByText('User Metadata').first().click();
    const details = page.frameLocator('iframe').last().getByRole('listitem');
    await details.filter({ hasText: /gitlab_subscriptions \d+: seats 4 → 5/ }).waitFor();
    await shoot(page, 'details');
    await page.close();
  }, 60_000);

  test('a sync that was undone says so: its message, its sections, its compensations', async () => {
    const id = await client.createNamespace();
    await client.fault(id, 'subscription_add_on_purchases', 'P0001');
    const answer = await client.provision(id, fullSync(4), 1);
    expect(answer.status).toBe(422);
    const url = answer.headers.get('x-provision-workflow-url') ?? '';
    const page = await open(url);
    for (const text of ['Put back the limits', 'Put back the subscription', 'rolled_back']) {
      await page.getByText(text).first().waitFor();
    }
    // Without the failure's stack trace, which names folders of this machine.
    await shoot(page.locator('table').last(), 'rolled-back');
    await page.goto(url.replace(/history$/, 'search-attributes'));
    for (const text of ['"RefusedSections"', '"add_on_purchases"', '"Compensated": true']) {
      await page.getByText(text).first().waitFor();
    }
    await page.close();
  });

  test('each saved filter of docs/temporal-ui.md lists just the runs that it is for', async () => {
    const filters = savedFilters();
    expect(filters.map(([name]) => name)).toEqual(Object.keys(LISTED));
    const ids = {
      refused: await client.createNamespace(),
      undone: await client.createNamespace(),
      retrying: await client.createNamespace(),
    };
    await client.provision(ids.refused, { base_product: { plan_code: 'premium', seats: -1 } }, 1);
    await client.fault(ids.undone, 'namespace_limits', 'P0001');
    await client.provision(ids.undone, fullSync(2), 1);
    await client.fault(ids.retrying, 'gitlab_subscriptions', '40001');
    const answer = client.provision(ids.retrying, fullSync(2), 1);
    const listed = async (page: Page) => {
      await page.reload();
      const rows = page.locator('table').last();
      const isFilled = rows.getByText('provisionNamespace').first().waitFor({ timeout: 5000 });
      const text = await isFilled.then(() => rows.innerText()).catch(() => '');
      return Object.entries(ids).flatMap(([name, id]) => (text.match(`provision:${id}\\b`) ? [name] : []));
    };
    for (const [name, link] of filters) {
      const url = new URL(link.replace('2026-11-22', today()).replace('1000', ids.refused));
      const page = await open(`${server.uiUrl}${url.pathname}${url.search}`);
      const expected = LISTED[name]?.join();
      await eventually(async () => (await listed(page)).join() === expected, `${name} lists ${expected}`);
      if (name === 'all that failed today') await shoot(page, 'failed-today');
      await page.close();
    }
    await client.heal(ids.retrying);
    await answer;
  }, 60_000);
});

/** Of three runs (refused by the rules, undone, in trouble), those that each filter lists. */
const LISTED: Record<string, string[]> = {
  'all that failed today': ['refused', 'undone'],
  'one namespace': ['refused'],
  'all that were rolled back': ['undone'],
  'still retrying': ['retrying'],
};

const today = () => new Date().toISOString().slice(0, 10);
