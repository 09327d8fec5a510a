import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { Pool } from 'pg';
import { migrateProvisioning } from '../../../../src/db/migrate';
import { relayWaker } from '../../../../src/db/relayWaker';
import { testEnvironment } from '../../../support/environment';
import { eventually } from '../../../support/eventually';
import { startServiceProcess, type ServiceProcess } from '../../../support/serviceProcess';
import { createDatabase } from '../../sections/support/ownService';

const MAIN = path.join(__dirname, '../../../../dist/cli/main.js');

/** An event and how far it has got. */
export interface OutboxRow {
  id: string;
  event: string;
  attempts: number;
  is_delivered: boolean;
  deliveries: {
    sink: string;
    attempts: number;
    is_delivered: boolean;
    error: string | null;
    is_set_aside: boolean;
  }[];
}

/** An outbox that runs have written to, and relays on it. */
export class Outbox {
  private relays: ServiceProcess[] = [];
  private lastNamespace = 1_000;
  private way: string;

  private constructor(
    readonly databaseUrl: string,
    readonly dataDir: string,
    readonly db: Pool,
  ) {
    this.way = databaseUrl;
  }

  /** @param name of a database that nothing else uses */
  static async create(name: string): Promise<Outbox> {
    const { adminUrl, directory } = testEnvironment();
    const dataDir = path.join(directory, name);
    const [databaseUrl] = await Promise.all([createDatabase(adminUrl, name), mkdir(dataDir)]);
    await migrateProvisioning(databaseUrl, () => undefined);
    return new Outbox(databaseUrl, dataDir, new Pool({ connectionString: databaseUrl, max: 4 }));
  }

  newNamespace(): string {
    this.lastNamespace += 1;
    return String(this.lastNamespace);
  }

  /** Writes events like the steps of one run, not yet released. @returns the run's id */
  async write(namespaceId: string, ...events: string[]): Promise<string> {
    const runId = randomUUID();
    await this.db.query(
      `INSERT INTO provisioning.ledger (namespace_id, sync_id, workflow_id, run_id, step, attempt, correlation_id, before,
         after, result, outbox_ids, created_at)
       VALUES ($1::bigint, 7, 'provision:' || $1::text, $2::text, 'admitSync', 1, 'request-' || $2::text, '[]', '[]', '{}', '{}', now())`,
      [namespaceId, runId],
    );
    await this.db.query(
      `INSERT INTO provisioning.outbox (namespace_id, event, payload, workflow_id, run_id, created_at)
       SELECT $1::bigint, event, jsonb_build_object('namespace_id', $1::text, 'position', position), 'provision:' || $1::text, $2, now()
       FROM unnest($3::text[]) WITH ORDINALITY AS written (event, position) ORDER BY position`,
      [namespaceId, runId, events],
    );
    return runId;
  }

  /** Releases what a run has written, as its outcome does. */
  async release(runId: string): Promise<void> {
    await this.db.query('UPDATE provisioning.outbox SET released_at = now() WHERE run_id = $1', [runId]);
    relayWaker(this.db)();
  }

  /** Both. @returns the run's id */
  async due(namespaceId: string, ...events: string[]): Promise<string> {
    const runId = await this.write(namespaceId, ...events);
    await this.release(runId);
    return runId;
  }

  /** The events of a namespace in order. */
  async rows(namespaceId: string): Promise<OutboxRow[]> {
    const { rows } = await this.db.query<OutboxRow>(
      `SELECT id, event, attempts, delivered_at IS NOT NULL AS is_delivered, (
         SELECT coalesce(jsonb_agg(jsonb_build_object('sink', sink, 'attempts', attempts,
           'is_delivered', delivered_at IS NOT NULL, 'error', error, 'is_set_aside', set_aside_at IS NOT NULL)
           ORDER BY sink), '[]')
         FROM provisioning.outbox_deliveries WHERE outbox_id = id) AS deliveries
       FROM provisioning.outbox WHERE namespace_id = $1 ORDER BY id`,
      [namespaceId],
    );
    return rows;
  }

  /** Waits until the last sink has had all events of a namespace. */
  delivered(namespaceId: string, timeoutMs?: number): Promise<OutboxRow[]> {
    return eventually(
      async () => {
        const rows = await this.rows(namespaceId);
        return rows.length > 0 && rows.every((row) => row.is_delivered) && rows;
      },
      `the events of namespace ${namespaceId} are delivered`,
      timeoutMs,
    );
  }

  /** From now on relays and commands use this way to the database. */
  useWay(url: string): void {
    this.way = url;
  }

  /** Starts a relay, and stops it at the end. */
  async relay(variables: Record<string, string>): Promise<ServiceProcess> {
    const relay = await startServiceProcess(
      { DATA_DIR: this.dataDir, GITLAB_DATABASE_URL: this.way, ...variables },
      ['--only', 'relay'],
    );
    this.relays.push(relay);
    return relay;
  }

  /** Runs `provisioner …`. @returns its exit code, and what it printed */
  async command(args: string[], variables: Record<string, string> = {}) {
    const env = {
      PATH: process.env['PATH'],
      GITLAB_DATABASE_URL: this.way,
      DATA_DIR: this.dataDir,
      ...variables,
    };
    return promisify(execFile)(process.execPath, [MAIN, ...args], { env }).then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({
        code,
        stdout,
        stderr,
      }),
    );
  }

  async close(): Promise<void> {
    const isUp = ({ child }: ServiceProcess) => child.exitCode === null && child.signalCode === null;
    await Promise.all(this.relays.filter(isUp).map((relay) => relay.stop()));
    await this.db.end();
  }
}
