/**
 * A migration that builds an index while others write: it only waits for transactions that are older than itself, and
 * nobody waits for it. An index that an earlier build has left invalid is built again.
 * @param {string} schema of the table
 * @param {string} name of the index
 * @param {string} on the rest of the statement, from the table on
 */
export function concurrentIndex(schema, name, on) {
  const drop = `DROP INDEX CONCURRENTLY IF EXISTS ${schema}.${name}`;
  return {
    up: async (pgm) => {
      pgm.noTransaction();
      // A large table takes its time, and so do the transactions that it waits for.
      await pgm.db.query(`SET statement_timeout = 0`);
      await pgm.db.query(`SET lock_timeout = '5min'`);
      const invalid = await pgm.db.select(
        `SELECT FROM pg_index WHERE indexrelid = to_regclass('${schema}.${name}') AND NOT indisvalid`,
      );
      if (invalid.length > 0) await pgm.db.query(drop);
      await pgm.db.query(`CREATE INDEX CONCURRENTLY IF NOT EXISTS ${name} ON ${schema}.${on}`);
    },
    down: (pgm) => {
      pgm.noTransaction();
      pgm.sql(drop);
    },
  };
}
