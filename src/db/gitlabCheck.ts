import type { Pool } from 'pg';
import { ADD_ONS, PLANS } from '../domain/catalogue';
import { GITLAB_TABLES, type TableNeeds } from './gitlabTables';
import { lookUpTables, type FoundTable } from './gitlabLookUp';

/** One way in which GitLab's database is not what the service needs. */
export interface Difference {
  /** `error`: syncs fail until it is mended. `warning`: something is not known to this version of the service. */
  severity: 'error' | 'warning';
  /** One line that says what is wrong and what to do. */
  line: string;
}

/** What a process uses of GitLab's database. */
export interface Usage {
  /** Whether it writes: it runs the part `worker`. */
  writes: boolean;
  /** Whether it serves the audit pages. */
  audits: boolean;
  /** Whether GitLab's CI tables are in this database, too. */
  hasCi: boolean;
}

const API_COLUMNS = { namespaces: ['id', 'type', 'path', 'parent_id', 'organization_id'] };
const AUDIT_COLUMNS = {
  namespaces: ['name', 'shared_runners_minutes_limit', 'extra_shared_runners_minutes_limit'],
  namespace_limits: [
    'namespace_id',
    'additional_purchased_storage_size',
    'additional_purchased_storage_ends_on',
  ],
  gitlab_subscriptions: [
    ...['namespace_id', 'hosted_plan_id', 'hosted_plan_name_uid', 'seats', 'seats_in_use', 'max_seats_used'],
    ...['start_date', 'end_date', 'trial', 'trial_starts_on', 'trial_ends_on', 'auto_renew'],
    'contract_overages_allowed',
  ],
  subscription_add_on_purchases: [
    ...['namespace_id', 'subscription_add_on_uid', 'quantity', 'started_at', 'expires_on', 'purchase_xid'],
    'trial',
  ],
  plans: ['id', 'plan_name_uid'],
};

const GRANTS = 'run deploy/sql/gitlab.sql as the owner of the tables';
const VERSION =
  'see docs/gitlab-schema.md for the versions of GitLab that this version of the service supports';

/**
 * Compares GitLab's tables with what the service needs of them (contract 7).
 * @returns nothing when all is well
 */
export async function checkGitlabDatabase(pool: Pool, usage: Usage): Promise<Difference[]> {
  const needs = needsOf(usage);
  const found = await lookUpTables(pool, Object.keys(needs));
  const differences = Object.entries(needs).flatMap(([table, need]) =>
    tableProblems(table, need, found.get(table)),
  );
  return [
    ...differences.map((line): Difference => ({ severity: 'error', line })),
    ...(await unknownPlans(pool, found.get('plans'))),
    ...(await unknownAddOns(pool, found.get('subscription_add_ons'))),
  ];
}

/** The same for GitLab's CI database, where that is another one. */
export async function checkCiDatabase(pool: Pool): Promise<Difference[]> {
  const table = 'ci_namespace_monthly_usages';
  const found = await lookUpTables(pool, [table]);
  return tableProblems(table, GITLAB_TABLES[table], found.get(table)).map((line) => ({
    severity: 'error',
    line: `GITLAB_CI_DATABASE_URL: ${line}`,
  }));
}

function needsOf({ writes, audits, hasCi }: Usage): Record<string, TableNeeds> {
  const all: Record<string, TableNeeds> = {};
  const read = (lists: Record<string, string[]>) => {
    for (const [table, columns] of Object.entries(lists)) {
      const known = GITLAB_TABLES[table as keyof typeof GITLAB_TABLES];
      const types = Object.fromEntries(
        columns.map((column): [string, string] => [column, known.columns[column] ?? 'character varying']),
      );
      all[table] ??= { primaryKey: known.primaryKey, columns: {}, optional: known.optional ?? [] };
      all[table] = { ...all[table], columns: { ...all[table].columns, ...types } };
    }
  };
  if (writes) Object.assign(all, GITLAB_TABLES);
  read(API_COLUMNS);
  if (audits) read(AUDIT_COLUMNS);
  if (!hasCi) delete all['ci_namespace_monthly_usages'];
  return all;
}

function tableProblems(name: string, needs: TableNeeds, table: FoundTable | undefined): string[] {
  if (!table) {
    return needs.optional === 'table'
      ? []
      : [`table ${name} is missing: check that the URL names GitLab's database; ${VERSION}`];
  }
  const writes = needs.inserts !== undefined || needs.updates !== undefined;
  return [
    ...Object.entries(needs.columns).flatMap(([column, type]) =>
      columnProblems(name, column, type, needs, table),
    ),
    ...(needs.inserts ? insertProblems(name, needs.inserts, table) : []),
    ...(writes && table.isLocked
      ? [
          name === 'ci_namespace_monthly_usages'
            ? `${name} is locked against writes here: it lives in another database, set GITLAB_CI_DATABASE_URL`
            : `${name} is locked against writes here: the URL names another of GitLab's databases than its main one`,
        ]
      : []),
  ];
}

function columnProblems(
  table: string,
  name: string,
  type: string,
  { optional, inserts, updates }: TableNeeds,
  { columns }: FoundTable,
): string[] {
  const column = columns.get(name);
  const isOptional = optional === 'table' || optional?.includes(name);
  if (!column) return isOptional ? [] : [`column ${table}.${name} is missing: ${VERSION}`];
  const problems: string[] = [];
  if (column.type !== type)
    problems.push(`${table}.${name} has type ${column.type} instead of ${type}: ${VERSION}`);
  const lacks = [
    ...(column.mayRead ? [] : ['SELECT']),
    ...(inserts?.includes(name) && !column.mayInsert ? ['INSERT'] : []),
    ...(updates?.includes(name) && !column.mayUpdate ? ['UPDATE'] : []),
  ];
  if (lacks.length > 0) problems.push(`the role may not ${lacks.join(', ')} ${table}.${name}: ${GRANTS}`);
  return problems;
}

function insertProblems(
  name: string,
  inserts: readonly string[],
  { columns, mayDelete, mayDraw }: FoundTable,
) {
  const unset = [...columns].filter(([column, { mustBeSet }]) => mustBeSet && !inserts.includes(column));
  return [
    ...unset.map(
      ([column]) => `${name}.${column} is NOT NULL without a default, and inserts do not set it: ${VERSION}`,
    ),
    ...(mayDelete ? [] : [`the role may not DELETE from ${name}, which compensations do: ${GRANTS}`]),
    ...(mayDraw ? [] : [`the role may not use the sequence of ${name}: ${GRANTS}`]),
  ];
}

async function unknownPlans(pool: Pool, plans: FoundTable | undefined): Promise<Difference[]> {
  if (!isReadable(plans, ['name', 'plan_name_uid'])) return [];
  const { rows } = await pool.query<{ name: string | null; plan_name_uid: number | null }>(
    'SELECT name, plan_name_uid FROM plans ORDER BY id LIMIT 1000',
  );
  return rows.flatMap(({ name, plan_name_uid: uid }): Difference[] => {
    const known = PLANS.find((plan) => plan.name === name);
    if (known?.uid === uid) return [];
    return known
      ? [
          {
            severity: 'error',
            line: `plan ${name} has the number ${uid} instead of ${known.uid}: ${VERSION}`,
          },
        ]
      : [
          {
            severity: 'warning',
            line: `plan ${name} (${uid}) is not known: syncs that ask for it are refused`,
          },
        ];
  });
}

/** Once product analytics; GitLab has given it up. */
const RETIRED_ADD_ON = 2;

async function unknownAddOns(pool: Pool, addOns: FoundTable | undefined): Promise<Difference[]> {
  if (!isReadable(addOns, ['name'])) return [];
  const { rows } = await pool.query<{ name: number }>(
    'SELECT name FROM subscription_add_ons ORDER BY name LIMIT 1000',
  );
  const isKnown = (uid: number) => uid === RETIRED_ADD_ON || ADD_ONS.some((addOn) => addOn.uid === uid);
  return rows
    .filter(({ name }) => !isKnown(name))
    .map(({ name }) => ({
      severity: 'warning',
      line: `add-on ${name} is not known: syncs that ask for it are refused`,
    }));
}

function isReadable(table: FoundTable | undefined, columns: string[]): boolean {
  return columns.every((column) => table?.columns.get(column)?.mayRead);
}
