// Released follow-up work that no relay has taken up. Made while syncs go on: the outbox may be large.

/** @param {import('node-pg-migrate').MigrationBuilder} pgm */
export function up(pgm) {
  pgm.noTransaction();
  pgm.sql('DROP INDEX CONCURRENTLY IF EXISTS provisioning.outbox_unrelayed'); // what a try that broke off has left
  pgm.sql(`CREATE INDEX CONCURRENTLY outbox_unrelayed ON provisioning.outbox (event, id)
    WHERE released_at IS NOT NULL AND relayed_at IS NULL`);
}

/** @param {import('node-pg-migrate').MigrationBuilder} pgm */
export function down(pgm) {
  pgm.noTransaction();
  pgm.sql('DROP INDEX CONCURRENTLY IF EXISTS provisioning.outbox_unrelayed');
}
