import { defaultDataDir } from '../config/config';
import { provisionPath } from '../wire/endpoint';
import type { RunningService } from './service';

/**
 * What a person needs to know once the service is up: where it is, and one line that provisions the demo group.
 * @param isTerminal whether a person reads it: only then a generated password is shown
 */
export function banner(service: RunningService, dataDir: string, isTerminal: boolean): string {
  const { apiUrl, adminUrl, customersDotUrl, workerUrl, relayUrl, uiUrl, auditReader, hasDemo } = service;
  const auditUrl = `${adminUrl ?? apiUrl}/namespaces`;
  const lines = ['', 'The namespace provisioner is up.'];
  if (apiUrl !== null) lines.push(`  API          ${apiUrl}`);
  if (adminUrl !== null) lines.push(`  Admin        ${adminUrl}`);
  if (customersDotUrl !== null) lines.push(`  CDot's side  ${customersDotUrl}`);
  if (workerUrl !== null) lines.push(`  Worker       ${workerUrl}`);
  if (relayUrl !== null) lines.push(`  Relay        ${relayUrl}`);
  if (uiUrl !== null) lines.push(`  Temporal UI  ${uiUrl}`);
  if (apiUrl !== null && auditReader) {
    const { user, password, file } = auditReader;
    lines.push(`  Audit        ${auditUrl}`);
    if (file !== null)
      lines.push(`               user ${user}, password ${isTerminal ? password : `in ${file}`}`);
  }
  if (apiUrl !== null && hasDemo) {
    lines.push(
      '',
      'Provision the demo group from another terminal:',
      `  ${demoCurl(apiUrl, tokenCommand(dataDir))}`,
      'Then see what it got, when and why:',
      `  ${auditUrl}/demo-group`,
    );
  }
  return [...lines, '', 'Ctrl-C stops it.', ''].join('\n');
}

/** The command that signs a token; it finds the service through its data directory. */
function tokenCommand(dataDir: string): string {
  if (dataDir === defaultDataDir()) return 'npx provisioner token';
  return `npx provisioner token --data-dir '${dataDir.replaceAll("'", `'\\''`)}'`;
}

function demoCurl(apiUrl: string, token: string): string {
  const body = {
    sync_id: 1,
    provision: {
      base_product: { plan_code: 'premium', seats: 10, start_date: '2026-01-01', end_date: '2027-01-01' },
      storage: { additional_purchased_storage_size: 10240 },
      compute_minutes: { extra_shared_runners_minutes_limit: 5000 },
      add_on_purchases: {
        duo_pro: [
          { quantity: 10, started_on: '2026-01-01', expires_on: '2027-01-01', purchase_xid: 'A-S00000001' },
        ],
      },
    },
  };
  return [
    `curl -sS ${apiUrl}${provisionPath('demo-group')}`,
    `-H "X-Customers-Dot-Internal-Token: $(${token})"`,
    `-H 'Content-Type: application/json'`,
    `-d '${JSON.stringify(body)}'`,
  ].join(' ');
}
