import { describe, expect, test } from '@jest/globals';
import { withSnapshot } from '../../../src/db/auditSnapshot';
import { composed, nothing } from '../../../src/db/statement';
import { sharedService } from '../../support/shared';
import { AUDITOR, testEnvironment } from '../../support/environment';
import { eventually } from '../../support/eventually';
import { fullSync } from '../../support/syncs';
import { basic, inventRuns, open, textOf } from './support';

const { compensate, independent } = testEnvironment();
const client = sharedService();

const page = (path: string, authorization?: string | null) => open(compensate.apiUrl, path, authorization);

describe('who may read', () => {
  test.each([
    ['nobody', null],
    ['a wrong password', basic(AUDITOR.user, 'guess')],
    ['a wrong user', basic('root', AUDITOR.password)],
    ['a longer password', basic(AUDITOR.user, `${AUDITOR.password}x`)],
    ['an empty pair', basic('', '')],
    ['another scheme', `Bearer ${AUDITOR.password}`],
    ['what is no base64', 'Basic ???'],
  ])('%s is answered 401, and a browser asks', async (_, authorization) => {
    for (const path of ['/namespaces', '/namespaces/1000', '/namespaces/no-such', '/namespaces/%ff']) {
      const { status, headers, html } = await page(path, authorization);
      expect([path, status]).toEqual([path, 401]);
      expect(headers.get('www-authenticate')).toBe('Basic realm="Audit pages", charset="UTF-8"');
      expect(html).toContain('<h1>401 Unauthorized</h1>');
    }
  });

  test('user and password, whatever signs they have, open the pages', async () => {
    expect((await page('/namespaces')).status).toBe(200);
  });

  test('where no user is configured there are no pages', async () => {
    for (const path of ['/namespaces', '/namespaces/1000', '/-/audit.css']) {
      expect((await open(independent.apiUrl, path)).status).toBe(404);
    }
  });

  test('the pages only read', async () => {
    const write = withSnapshot(client.db, (tx) =>
      tx.send(composed('UPDATE namespaces SET name = name', [], nothing)),
    );
    await expect(write).rejects.toMatchObject({ code: '25006' });
  });
});

test('a page runs no script, loads nothing but its stylesheet, and is not stored', async () => {
  const { headers, html } = await page('/namespaces');
  expect(headers.get('content-security-policy')).toBe(
    "default-src 'none';style-src 'self';img-src data:;form-action 'self';base-uri 'none';frame-ancestors 'none'",
  );
  expect(headers.get('cache-control')).toBe('no-store');
  expect(html).not.toMatch(/<script|<style|\sstyle=|\son\w+=/);
  const stylesheet = await page('/-/audit.css', null);
  expect([stylesheet.status, stylesheet.headers.get('content-type')]).toEqual([
    200,
    'text/css; charset=utf-8',
  ]);
});

describe('finding a namespace', () => {
  test.each(['', ' ', '/'])('by id, path or %j around it', async (around) => {
    const id = await client.createNamespace();
    for (const sought of [id, `group-${id}`, `00${id}`]) {
      const answer = await page(`/namespaces?q=${encodeURIComponent(around + sought + around)}`);
      expect([answer.status, answer.headers.get('location')]).toEqual([303, `/namespaces/${id}`]);
    }
    for (const name of [id, `group-${id}`]) {
      expect((await page(`/namespaces/${name}`)).html).toContain(`<h1>Group ${id}</h1>`);
    }
  });

  test('a subgroup leads to the group above it', async () => {
    const root = await client.createNamespace();
    const id = await client.createNamespace({ parent_id: root });
    const { status, html } = await page(`/namespaces/${encodeURIComponent(`group-${root}/group-${id}`)}`);
    expect(status).toBe(200);
    expect(html).toContain(`<a href="/namespaces/${root}">a group above it</a>`);
  });

  test.each(['no-such-group', '999999999999', '99999999999999999999', 'a%00b', '%ff', 'x%2Fy'])(
    'there is none called %s: a page says so',
    async (name) => {
      const { status, headers, html } = await page(`/namespaces/${name}`);
      expect([status, headers.get('content-type')]).toEqual([404, 'text/html; charset=utf-8']);
      expect(html).toContain('<h1>404 Namespace Not Found</h1>');
    },
  );

  test('a search for what is not there, or for too much, is answered with a page', async () => {
    expect((await page('/namespaces?q=no-such-group')).status).toBe(404);
    const tooLong = await page(`/namespaces?q=${'x'.repeat(256)}`);
    expect([tooLong.status, textOf(tooLong.html)]).toEqual([
      400,
      expect.stringContaining('A search has at most 255 characters'),
    ]);
    for (const before of ['x', '1e3', '99999999999999999999', '']) {
      expect((await page(`/namespaces/1000?before=${before}`)).status).toBe(400);
    }
  });

  test('one that was deleted still has its history', async () => {
    const id = '900000000001';
    await inventRuns(client, id, 1);
    const { status, html } = await page(`/namespaces/${id}`);
    expect(status).toBe(200);
    expect(textOf(html)).toContain('does not exist any more');
    expect(textOf(html)).toContain('Sync 1 failed');
  });
});

describe('what a page tells', () => {
  test('an applied sync: what the namespace has now, and each column before and after', async () => {
    const id = await client.createNamespace();
    const answer = await client.provision(id, fullSync(3), 1, { 'x-request-id': 'request-of-3' });
    await client.provision(id, { base_product: { seats: 4 } }, 2);
    const { html } = await page(`/namespaces/${id}`);
    const text = textOf(html);
    expect(text).toMatch(/Plan ultimate Seats 4 .* Purchased storage 3,072 MiB .* Purchased minutes 300 /);
    expect(text).toMatch(/duo_pro 3 2026-01-01 to 2027-01-01.* A-3 /);
    expect(text.indexOf('Sync 2 applied')).toBeLessThan(text.indexOf('Sync 1 applied'));
    expect(text).toContain(
      'base_product success storage success compute_minutes success add_on_purchases success',
    );
    expect(html).toMatch(/seats<\/th><td><del>3<\/del><\/td><td><ins>4<\/ins>/);
    expect(text).toContain('request-of-3');
    const url = answer.headers.get('x-provision-workflow-url') ?? '';
    expect(url).toMatch(/^http:\/\/temporal\.example\//);
    expect(html).toContain(`href="${url}"`);
    expect(html).toContain('aria-label="Seats: 2 changes, from none to 4"');
    expect(html).toContain('aria-label="Storage, MiB: 1 change, from none to 3,072"');
  });

  test('a refused sync: each refused section with its message', async () => {
    const id = await client.createNamespace();
    const { body } = await client.provision(id, {
      base_product: { seats: null },
      storage: { additional_purchased_storage_size: -1 },
      compute_minutes: { extra_shared_runners_minutes_limit: 5 },
    });
    expect(body.status).toBe('error');
    const text = textOf((await page(`/namespaces/${id}`)).html);
    expect(text).toContain('Sync without id refused');
    expect(text).toContain("base_product error Gitlab subscription seats can't be blank");
    expect(text).toContain('storage error Namespace limit additional purchased storage size must be');
    expect(text).toContain('compute_minutes skipped');
    expect(text).not.toContain('changed');
  });

  test('a compensated sync: what was done, and that it was undone', async () => {
    const id = await client.createNamespace();
    await client.provision(id, { base_product: { seats: 5 } }, 1);
    await client.fault(id, 'subscription_add_on_purchases', '23514');
    expect((await client.provision(id, fullSync(9), 2)).status).toBe(422);
    await client.heal(id);
    const { html } = await page(`/namespaces/${id}`);
    const text = textOf(html);
    expect(text).toContain('Sync 2 refused undone');
    expect(text).toContain('base_product rolled back');
    expect(text).toMatch(/gitlab_subscriptions \d+ updated for base_product put back/);
    expect(text).toMatch(/namespace_limits \d+ inserted for storage removed again/);
    expect(text).toContain('upsertAddOnPurchases Stopped before it took effect');
    expect(html).toContain('aria-label="Seats: 3 changes, from none to 5"');
    expect(text).toMatch(/sync 2 undone 9 5 /);
  });

  test('a row that somebody else has changed meanwhile: that it was left', async () => {
    const id = await client.createNamespace();
    await inventRuns(client, id, 1);
    await client.rows(
      `UPDATE provisioning.ledger SET undone_at = now(),
         before = '[{"section":"storage","table":"namespace_limits","key":"1","values":{"additional_purchased_storage_size":"0"}}]',
         after = '[{"section":"storage","table":"namespace_limits","key":"1","values":{"additional_purchased_storage_size":"7"}}]',
         undo_result = '{"restored":[],"kept":[{"table":"namespace_limits","key":"1"}],
           "entries":{"storage":{"status":"error","message":"Not rolled back: changed since by another writer"}}}'
       WHERE namespace_id = $1 AND step = 'updateSubscription'`,
      [id],
    );
    const { html } = await page(`/namespaces/${id}`);
    expect(textOf(html)).toContain(
      'namespace_limits 1 updated for storage Not rolled back: changed since by another',
    );
    expect(html).toContain('aria-label="Storage, MiB: 1 change, from 0 to 7"');
  });

  test('a run that has not ended, and how long others took', async () => {
    const id = await client.createNamespace();
    await inventRuns(client, id, 2);
    await client.rows(
      `DELETE FROM provisioning.ledger WHERE namespace_id = $1 AND step = 'recordOutcome' AND sync_id = 2`,
      [id],
    );
    const text = textOf((await page(`/namespaces/${id}`)).html);
    expect(text).toContain('Sync 2 no outcome');
    expect(text).toContain('Sync 1 failed 2026-03-01 00:01:01 UTC , took 1.50 s Invented');
  });
});

test('the newest failures and the newest syncs of all namespaces are listed', async () => {
  const id = await client.createNamespace();
  const refused = new RegExp(
    `Recent failures .*group-${id} 7 refused Gitlab .* Recent syncs .*group-${id} 7`,
  );
  // Other tests make failures, too: theirs may be newer by the time the page is opened.
  await eventually(async () => {
    await client.provision(id, { base_product: { seats: null } }, 7);
    return refused.test(textOf((await page('/namespaces')).html));
  }, 'a refused sync is in both lists');
});

test('the time-line goes on over pages, and each run is on one of them', async () => {
  const id = await client.createNamespace();
  await inventRuns(client, id, 45);
  const seen: number[][] = [];
  for (let path: string | undefined = `/namespaces/${id}`; path !== undefined;) {
    const { html }: { html: string } = await page(path.replace('#syncs', ''));
    seen.push([...html.matchAll(/<h3>Sync (\d+)/g)].map(([, sync]) => Number(sync)));
    path = /rel="next" href="([^"]+)"/.exec(html)?.[1];
  }
  const all = Array.from({ length: 45 }, (_, index) => 45 - index);
  expect(seen).toEqual([all.slice(0, 20), all.slice(20, 40), all.slice(40)]);
});

test('whatever a client has sent is shown as text', async () => {
  const script = '<script>alert(1)</script>';
  const image = '"><img src=x onerror=alert(1)>';
  const id = await client.createNamespace({ name: script, path: `group"'><b>${Date.now()}` });
  await client.provision(
    id,
    {
      base_product: { plan_code: script },
      add_on_purchases: { [script]: [{ quantity: 1 }] },
    },
    1,
    { 'x-request-id': '"><svg/onload=alert(1)>' },
  );
  await client.provision(
    id,
    { add_on_purchases: { duo_pro: [{ ...fullSync(1).add_on_purchases.duo_pro[0], purchase_xid: image }] } },
    2,
  );
  for (const path of ['/namespaces', `/namespaces/${id}`, `/namespaces?q=${encodeURIComponent(script)}`]) {
    const { html } = await page(path);
    expect(html).not.toMatch(/<script|<img|<b>|<svg\//);
  }
  const text = textOf((await page(`/namespaces/${id}`)).html);
  expect(text).toContain(script);
  expect(text).toContain(image);
  expect(text).toContain('"><svg/onload=alert(1)>');
});
