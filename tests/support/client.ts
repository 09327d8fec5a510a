import { Pool, types } from 'pg';
import type { Answer } from '../../src/domain/answer';
import { loadSigningKeys } from '../../src/issuer/keys';
import { signToken } from '../../src/issuer/token';
import type { FaultTarget } from './faults';
import { testedSchema, testEnvironment, type TestService } from './environment';
import { gitlabFacts } from '../../src/local/gitlabDatabase';

/** An HTTP answer, read whole. */
export interface HttpAnswer<Body = Answer> {
  status: number;
  headers: Headers;
  body: Body;
  text: string;
}

export interface NewNamespace {
  type?: 'Group' | 'User' | 'Project';
  path?: string;
  name?: string;
  parent_id?: string;
  shared_runners_minutes_limit?: number | null;
  extra_shared_runners_minutes_limit?: number | null;
  /** Also makes the row of `namespace_settings`. Default true. */
  settings?: {
    duo_nano_features_enabled?: boolean | null;
    seat_control?: number;
    new_user_signups_cap?: number | null;
    prevent_sharing_groups_outside_hierarchy?: boolean;
  } | null;
}

/** Talks to one service under test like CustomersDot does, and looks into its database like GitLab does. */
export class ServiceClient {
  readonly db: Pool;
  private readonly facts = gitlabFacts(testedSchema());
  private keys: ReturnType<typeof loadSigningKeys> | undefined;
  private constructor(readonly service: TestService) {
    this.db = new Pool({
      connectionString: service.databaseUrl,
      max: 4,
      options: '-c TimeZone=UTC',
      types: {
        // Values as PostgreSQL prints them, so that rows can be compared to the microsecond.
        getTypeParser: (oid: number) =>
          [16, 21, 23, 114, 3802].includes(oid)
            ? (types.getTypeParser(oid) as (text: string) => unknown)
            : (text: string) => text,
      },
    });
  }

  /** @param policy which of the two services of the global set-up */
  static of(policy: 'compensate' | 'independent'): ServiceClient {
    return ServiceClient.for(testEnvironment()[policy]);
  }

  static for(service: TestService): ServiceClient {
    return new ServiceClient(service);
  }

  async close(): Promise<void> {
    await this.db.end();
  }

  async token(): Promise<string> {
    this.keys ??= loadSigningKeys(this.service.dataDir);
    return signToken(await this.keys, { issuer: this.service.apiUrl });
  }

  /** Any request, with a valid token unless `headers` has its own. */
  async request<Body = unknown>(
    method: string,
    path: string,
    init: { headers?: Record<string, string>; body?: RequestInit['body']; signal?: AbortSignal } = {},
  ): Promise<HttpAnswer<Body>> {
    const response = await fetch(this.service.apiUrl + path, {
      method,
      ...init,
      headers: { 'x-customers-dot-internal-token': await this.token(), ...init.headers },
      ...(typeof init.body === 'object' ? { duplex: 'half' } : {}),
    } as RequestInit);
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json') ?? false;
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: (isJson ? JSON.parse(text) : null) as Body,
    };
  }

  /** Posts a sync. @param id primary key or path, encoded here */
  provision<Body = Answer>(
    id: string,
    provision: unknown,
    syncId?: number | null,
    headers: Record<string, string> = {},
  ): Promise<HttpAnswer<Body>> {
    return this.request<Body>('POST', provisionPath(id), {
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ provision, ...(syncId === undefined ? {} : { sync_id: syncId }) }),
    });
  }

  /** Makes a namespace that no other test uses. @returns its id */
  async createNamespace(namespace: NewNamespace = {}): Promise<string> {
    const { settings = {}, ...columns } = namespace;
    const { rows } = await this.db.query<{ id: string }>(`SELECT nextval('namespaces_id_seq') AS id`);
    const id = rows[0]?.id ?? '';
    const values = {
      id,
      name: `Group ${id}`,
      path: `group-${id}`,
      type: 'Group',
      organization_id: '1',
      ...columns,
    };
    await this.insert('namespaces', values);
    if (settings) await this.insert('namespace_settings', { namespace_id: id, ...settings });
    return id;
  }

  /**
   * Inserts one row as GitLab does, which sets `created_at` and `updated_at`. Columns that GitLab has removed are left
   * out. @returns the whole row
   */
  async insert(table: string, given: Record<string, unknown>): Promise<Record<string, unknown>> {
    const stamps = { created_at: 'now', updated_at: 'now' };
    const known = this.facts[table]?.columns ?? given;
    const values = Object.fromEntries(
      Object.entries({ ...stamps, ...given }).filter(([column]) => Object.hasOwn(known, column)),
    );
    const columns = Object.keys(values);
    const { rows } = await this.db.query<Record<string, unknown>>(
      `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map((_, i) => `$${i + 1}`).join(', ')}) RETURNING *`,
      Object.values(values),
    );
    return rows[0] ?? {};
  }

  /** Whether the tested state of GitLab's schema has a table. */
  hasTable(table: string): boolean {
    return Object.hasOwn(this.facts, table);
  }

  async rows<Row = Record<string, unknown>>(sql: string, values: unknown[] = []): Promise<Row[]> {
    const { rows } = await this.db.query(sql, values);
    return rows as Row[];
  }

  /** From now on writes of the namespace to this table fail with the SQLSTATE, e.g. `40001`, until `heal`. */
  async fault(namespaceId: string, target: FaultTarget, sqlState: string): Promise<void> {
    await this.db.query(
      `INSERT INTO test_faults VALUES ($1, $2, $3)
       ON CONFLICT (namespace_id, target) DO UPDATE SET errcode = excluded.errcode`,
      [namespaceId, target, sqlState],
    );
  }

  /** Ends all faults of a namespace. */
  async heal(namespaceId: string): Promise<void> {
    await this.db.query('DELETE FROM test_faults WHERE namespace_id = $1', [namespaceId]);
  }

  /** Every row that GitLab has about a namespace, by table, to compare before and after. */
  async snapshot(namespaceId: string): Promise<Record<string, Record<string, unknown>[]>> {
    const byTable: Record<string, Record<string, unknown>[]> = {};
    for (const [table, column] of Object.entries(NAMESPACE_TABLES)) {
      const key = Object.hasOwn(this.facts[table]?.columns ?? {}, 'id') ? 'id' : column;
      byTable[table] = await this.rows(`SELECT * FROM ${table} WHERE ${column} = $1 ORDER BY ${key}`, [
        namespaceId,
      ]);
    }
    return byTable;
  }

  /** The follow-up work of a namespace, in order. */
  outbox(namespaceId: string): Promise<{ event: string; released_at: string | null; run_id: string }[]> {
    return this.rows('SELECT * FROM provisioning.outbox WHERE namespace_id = $1 ORDER BY id', [namespaceId]);
  }

  /** The ledger of a namespace, in order. */
  ledger(
    namespaceId: string,
  ): Promise<{ step: string; run_id: string; undone_at: string | null; result: unknown }[]> {
    return this.rows('SELECT * FROM provisioning.ledger WHERE namespace_id = $1 ORDER BY id', [namespaceId]);
  }
}

const NAMESPACE_TABLES = {
  gitlab_subscriptions: 'namespace_id',
  gitlab_subscription_histories: 'namespace_id',
  namespaces: 'id',
  namespace_settings: 'namespace_id',
  namespace_limits: 'namespace_id',
  ci_namespace_monthly_usages: 'namespace_id',
  subscription_add_on_purchases: 'namespace_id',
};

/** The endpoint's path for a namespace. @param id primary key or full path */
export function provisionPath(id: string): string {
  return `/api/v4/internal/gitlab_subscriptions/namespaces/${encodeURIComponent(id)}/provision`;
}
