import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { openApiDocument } from '../../../src/api/openApi';

test('the committed OpenAPI document is the one that the schemas make (npm run openapi)', async () => {
  const committed = await readFile(path.join(__dirname, '../../../docs/openapi.json'), 'utf8');
  expect(JSON.parse(committed)).toEqual(JSON.parse(JSON.stringify(openApiDocument())));
});

test('every field of the contract is described', () => {
  const text = JSON.stringify(openApiDocument());
  for (const field of FIELDS) expect(text).toContain(`"${field}"`);
});

const FIELDS = [
  ...['plan_code', 'start_date', 'end_date', 'seats', 'max_seats_used', 'trial', 'auto_renew'],
  ...['trial_starts_on', 'trial_ends_on', 'contract_overages_allowed', 'sync_id'],
  ...['shared_runners_minutes_limit', 'extra_shared_runners_minutes_limit'],
  ...['additional_purchased_storage_size', 'additional_purchased_storage_ends_on'],
  ...['started_on', 'expires_on', 'quantity', 'purchase_xid', 'new_subscription'],
];
