import { setTimeout as sleep } from 'node:timers/promises';
import type { SearchAttributePair } from '@temporalio/common';
import { temporal as proto } from '@temporalio/proto';
import type { Logger } from 'pino';
import type { Gauge } from 'prom-client';
import {
  COMPENSATED,
  NAMESPACE_ID,
  PROVISION_OUTCOME,
  REFUSED_SECTIONS,
  SYNC_ID,
} from '../workflows/searchAttributes';
import type { TemporalConnection } from './connection';
import { reasonOf } from './grpc';

const types = proto.api.enums.v1.IndexedValueType;
type Type = proto.api.enums.v1.IndexedValueType;

const WANTED: Record<string, Type> = {
  [NAMESPACE_ID.name]: types.INDEXED_VALUE_TYPE_INT,
  [SYNC_ID.name]: types.INDEXED_VALUE_TYPE_INT,
  [PROVISION_OUTCOME.name]: types.INDEXED_VALUE_TYPE_KEYWORD,
  [REFUSED_SECTIONS.name]: types.INDEXED_VALUE_TYPE_KEYWORD_LIST,
  [COMPENSATED.name]: types.INDEXED_VALUE_TYPE_BOOL,
};

const READ_LIMIT_MS = 2_000;
// However many starts are refused, or probes ask: the server is asked once a second.
const FRESH_MS = 1_000;
// While some are missing, so that they are used again when somebody has made them.
const RETRY_MS = 10_000;
const KNOWN_LIMIT_MS = 30_000;

/**
 * The search attributes that runs are found by. They belong to the Temporal namespace, where they may be missing, be of
 * another type, or get lost while the service runs. Runs then go without them: nothing but a search depends on them.
 */
export class SearchAttributes {
  private names: string[] = [];
  private lastProblems: string[] = Object.keys(WANTED).map((name) => `${name} was not looked for yet`);
  private reading: Promise<boolean> | null = null;
  private readAt = -Infinity;
  private wasRead = false;

  constructor(
    private readonly temporal: TemporalConnection,
    private readonly log: Logger,
    private readonly missing: Gauge,
  ) {}

  /** What is wrong with them, as far as is known: `SyncId is missing`. */
  get problems(): readonly string[] {
    return this.lastProblems;
  }

  /** Those of `pairs` that the server takes, as far as is known. */
  usable(pairs: SearchAttributePair[]): SearchAttributePair[] {
    if (this.lastProblems.length > 0 && performance.now() - this.readAt > RETRY_MS) void this.find();
    return pairs.filter(({ key }) => this.names.includes(key.name));
  }

  /** Has them read again, unless that was within the last second. Never fails. */
  async ensure(): Promise<void> {
    if (performance.now() - this.readAt > FRESH_MS) await this.find();
  }

  /**
   * Reads them now, and creates those that are missing; within two seconds. Never fails: what cannot be read is not there.
   * @returns the names that the server has with our types
   */
  async find(): Promise<string[]> {
    // A deadline of gRPC does not do: it is that of each of the SDK's attempts.
    const isRead = await Promise.race([this.read(), sleep(READ_LIMIT_MS, false, { ref: false })]);
    return isRead ? this.names : [];
  }

  /**
   * Reads them, creates those that are missing, and waits until all of the server knows them, half a minute at most. It
   * tells its parts of new ones later, one with its data in PostgreSQL after two seconds; until then it refuses each run
   * that has them.
   */
  async untilKnown(): Promise<void> {
    await this.read();
    const { client, namespace } = this.temporal;
    const query = this.names.map((name) => `${name} IS NULL`).join(' AND ');
    const end = performance.now() + KNOWN_LIMIT_MS;
    while (performance.now() < end) {
      const isKnown = await client.workflowService.countWorkflowExecutions({ namespace, query }).then(
        () => true,
        () => false,
      );
      if (isKnown) return;
      await sleep(100);
    }
  }

  /** Once at a time. @returns whether the server has answered */
  private read(): Promise<boolean> {
    this.reading ??= this.compare()
      .then(
        () => true,
        (error: unknown) => {
          this.readAt = performance.now();
          if (this.names.length === 0) this.conclude([], [`they cannot be read: ${reasonOf(error)}`]);
          return false;
        },
      )
      .finally(() => (this.reading = null));
    return this.reading;
  }

  private async compare(): Promise<void> {
    let present = await this.list();
    const absent = Object.keys(WANTED).filter((name) => present[name] === undefined);
    const refusals = new Map<string, string>();
    for (const name of absent) {
      await this.create(name).catch((error: unknown) => refusals.set(name, reasonOf(error)));
    }
    // Another process may have been faster; what counts is that they are there.
    if (absent.length > 0) present = await this.list();
    const faulty = Object.entries(WANTED).filter(([name, type]) => present[name] !== type);
    const problems = faulty.map(([name, type]) => {
      const found = present[name];
      if (found !== undefined) return `${name} is of type ${typeName(found)} and not ${typeName(type)}`;
      return `${name} is missing${refusals.has(name) ? `: ${refusals.get(name)}` : ''}`;
    });
    const names = Object.keys(WANTED).filter((name) => faulty.every(([other]) => other !== name));
    this.conclude(names, problems);
  }

  private async list(): Promise<Record<string, Type>> {
    const { connection, namespace } = this.temporal;
    const request = () => connection.operatorService.listSearchAttributes({ namespace });
    return (await connection.withDeadline(Date.now() + READ_LIMIT_MS, request)).customAttributes;
  }

  private async create(name: string): Promise<void> {
    const { connection, namespace } = this.temporal;
    const searchAttributes = { [name]: WANTED[name] as Type };
    await connection.withDeadline(Date.now() + READ_LIMIT_MS, () =>
      connection.operatorService.addSearchAttributes({ namespace, searchAttributes }),
    );
  }

  private conclude(names: string[], problems: string[]): void {
    const isNew = problems.join() !== this.lastProblems.join() && (this.wasRead || problems.length > 0);
    this.wasRead = true;
    Object.assign(this, { names, lastProblems: problems, readAt: performance.now() });
    this.missing.set(Object.keys(WANTED).length - names.length);
    if (!isNew) return;
    if (problems.length === 0) this.log.info('the search attributes are there');
    else
      this.log.warn(
        { reason: problems.join(', ') },
        'search attributes cannot be used: runs that need them are not found by namespace, sync or outcome',
      );
  }
}

function typeName(type: Type): string {
  return (types[type] ?? String(type)).replace('INDEXED_VALUE_TYPE_', '').toLowerCase();
}
