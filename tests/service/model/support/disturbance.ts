import type { PoolClient } from 'pg';
import type { ServiceClient } from '../../../support/client';
import { eventually } from '../../../support/eventually';

/** `apply <step>`: at the end of the step's transaction. `undo <step>`: at the end of its compensation's. */
export type Place = `${'apply' | 'undo'} ${string}`;

/** Failures from outside at a step or its compensation, for single namespaces, by a trigger on the ledger. */
export class Disturbance {
  private hits = 0;
  private constructor(private readonly client: ServiceClient) {}

  static async install(client: ServiceClient): Promise<Disturbance> {
    await client.db.query(SETUP);
    return new Disturbance(client);
  }

  /** @param times how often it strikes; null is for ever */
  async strike(namespaceId: string, place: Place, sqlState: string, times: number | null): Promise<void> {
    // Counted by a sequence, as nothing else outlives the transaction that a failure ends.
    const counter = `disturbance.hits_${++this.hits}`;
    await this.client.db.query(`CREATE SEQUENCE ${counter}`);
    await this.client.db.query('INSERT INTO disturbance.active VALUES ($1, $2, $3, $4, $5)', [
      namespaceId,
      place,
      sqlState,
      times,
      counter,
    ]);
  }

  async clear(namespaceId: string): Promise<void> {
    await this.client.db.query('DELETE FROM disturbance.active WHERE namespace_id = $1', [namespaceId]);
  }

  /** From now on what a failure strikes waits, before it fails, until the gate is opened. */
  async closeGate(namespaceId: string): Promise<Gate> {
    const holder = await this.client.db.connect();
    await holder.query('SELECT pg_advisory_lock($1)', [namespaceId]);
    return new Gate(holder, namespaceId);
  }
}

export class Gate {
  constructor(
    private readonly holder: PoolClient,
    private readonly namespaceId: string,
  ) {}

  async reached(): Promise<void> {
    const waiting = `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = $1::oid
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
    await eventually(
      async () => (await this.holder.query(waiting, [this.namespaceId])).rows.length > 0,
      `a step of namespace ${this.namespaceId} waits at the gate`,
    );
  }

  async open(): Promise<void> {
    await this.holder.query('SELECT pg_advisory_unlock($1)', [this.namespaceId]);
    this.holder.release();
  }
}

const SETUP = `
  CREATE SCHEMA disturbance;
  CREATE TABLE disturbance.active (
    namespace_id bigint, place text, sql_state text NOT NULL, times integer, counter text NOT NULL,
    PRIMARY KEY (namespace_id, place)
  );
  CREATE FUNCTION disturbance.strike() RETURNS trigger LANGUAGE plpgsql AS $$
  DECLARE
    -- The compensation of a step that has not taken effect inserts a row without a result.
    is_undo boolean := TG_OP = 'UPDATE' OR NEW.result = 'null'::jsonb;
    fault disturbance.active;
  BEGIN
    SELECT * INTO fault FROM disturbance.active
    WHERE namespace_id = NEW.namespace_id
      AND place = CASE WHEN is_undo THEN 'undo ' ELSE 'apply ' END || NEW.step;
    IF FOUND THEN
      PERFORM pg_advisory_xact_lock(NEW.namespace_id);
      IF nextval(fault.counter) <= fault.times OR fault.times IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = fault.sql_state, MESSAGE = 'disturbed by a test';
      END IF;
    END IF;
    RETURN NULL;
  END $$;
  CREATE TRIGGER disturbance AFTER INSERT OR UPDATE ON provisioning.ledger
    FOR EACH ROW EXECUTE FUNCTION disturbance.strike()`;
