import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type Pool } from 'pg';
import { listSyncs, type AuditedAttempt, type AuditedSync } from '../../../../src/cdot/audit';
import { recordSync, type Recorded } from '../../../../src/cdot/syncs';
import { createPool } from '../../../../src/db/pool';
import { testEnvironment } from '../../../support/environment';
import { startServiceProcess, type ServiceProcess } from '../../../support/serviceProcess';

const MAIN = path.join(__dirname, '../../../../dist/cli/main.js');

/** How a command ended. */
export interface Ended {
  code: number | null;
  out: string;
  err: string;
}

/** CustomersDot's database of one test file, and processes that work on it. */
export class CustomersDot {
  private readonly processes: ServiceProcess[] = [];
  private namespaces = 0;

  private constructor(
    readonly databaseUrl: string,
    readonly dataDir: string,
    readonly pool: Pool,
  ) {}

  /** Makes a database, and a data directory of its own, so that no API is found there. */
  static async create(name: string): Promise<CustomersDot> {
    const { adminUrl, directory } = testEnvironment();
    const admin = new Client({ connectionString: adminUrl });
    await admin.connect();
    await admin.query(`CREATE DATABASE ${name}`);
    await admin.end();
    const url = adminUrl.replace(/\/postgres$/, `/${name}`);
    return CustomersDot.on(url, path.join(directory, name));
  }

  /** Works on an empty database that is there. */
  static async on(url: string, dataDir: string): Promise<CustomersDot> {
    await mkdir(dataDir, { recursive: true });
    const pool = createPool({ url, applicationName: 'test', max: 10, onError: () => undefined });
    const cdot = new CustomersDot(url, dataDir, pool);
    await cdot.command(['syncs']); // brings the database up to date
    return cdot;
  }

  get environment(): Record<string, string> {
    return {
      CUSTOMERS_DOT_DATABASE_URL: this.databaseUrl,
      CUSTOMERS_DOT_RETRY_BASE_MS: '100',
      DATA_DIR: this.dataDir,
    };
  }

  /** Starts the part `cdot` as a process of its own. */
  async start(environment: Record<string, string>): Promise<ServiceProcess & { url: string }> {
    const service = await startServiceProcess({ ...this.environment, ...environment }, ['--only', 'cdot']);
    this.processes.push(service);
    const url = /CDot's side +(\S+)/.exec(service.progress())?.[1] ?? '';
    await eventually(async () => (await fetch(`${url}/-/readiness`)).status === 200);
    return { ...service, url };
  }

  /** A namespace id that no other test of the file uses. */
  newNamespace(): string {
    return String(5_000 + ++this.namespaces);
  }

  record(namespaceId: string, attrs: unknown): Promise<Recorded> {
    return recordSync(this.pool, namespaceId, attrs);
  }

  async syncs(namespaceId: string): Promise<AuditedSync[]> {
    return listSyncs(this.pool, { namespaceId, failed: false, limit: 10_000 });
  }

  /** Attempts of all syncs of a namespace, in order. */
  async attempts(namespaceId: string): Promise<(AuditedAttempt & { sync_id: number })[]> {
    const attempts = (await this.syncs(namespaceId)).flatMap((sync) =>
      sync.attempts.map((attempt) => ({ ...attempt, sync_id: sync.sync_id })),
    );
    return attempts.sort((a, b) => a.id - b.id);
  }

  /** Waits until the last attempt of the latest sync has its outcome. @returns all attempts */
  async settled(namespaceId: string, timeoutMs = 20_000): Promise<AuditedAttempt[]> {
    await eventually(async () => {
      const last = (await this.syncs(namespaceId)).at(-1)?.attempts.at(-1);
      return last !== undefined && last.state !== 'started' && last.retry_at === null;
    }, timeoutMs);
    return this.attempts(namespaceId);
  }

  /** Waiting and running jobs. */
  async jobs(): Promise<{ key: string | null; locked_by: string | null; run_at: string }[]> {
    const { rows } = await this.pool.query<{ key: string; locked_by: string | null; run_at: string }>(
      'SELECT key, locked_by, run_at FROM graphile_worker.jobs ORDER BY id',
    );
    return rows;
  }

  /** Runs a command on this database to its end. */
  command(args: string[], input = '', environment: Record<string, string> = {}): Promise<Ended> {
    return this.startCommand(args, input, environment).ended;
  }

  /** Starts a command on this database. */
  startCommand(
    args: string[],
    input = '',
    environment: Record<string, string> = {},
  ): { err: () => string; ended: Promise<Ended> } {
    const inherited = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '' };
    const child = spawn(process.execPath, [MAIN, ...args], {
      env: { ...inherited, ...this.environment, ...environment },
    });
    child.stdin.end(input);
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
    const ended = once(child, 'close').then(() => ({ code: child.exitCode, out, err }));
    return { err: () => err, ended };
  }

  async close(): Promise<void> {
    await Promise.all(
      this.processes.map(async (service) => {
        if (service.child.exitCode === null && service.child.signalCode === null) await service.stop();
      }),
    );
    await this.pool.end();
  }
}

/** Asks again and again until it is so. */
export async function eventually(isSo: () => Promise<boolean>, timeoutMs = 20_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await isSo().catch(() => false))) {
    if (Date.now() > deadline) throw new Error(`not so within ${timeoutMs} ms: ${isSo.toString()}`);
    await sleep(50);
  }
}

/** Attributes of a sync, told apart by their seats. */
export function attrs(seats: number): { base_product: Record<string, unknown> } {
  return { base_product: { plan_code: 'premium', seats, start_date: '2026-01-01', end_date: '2027-01-01' } };
}
