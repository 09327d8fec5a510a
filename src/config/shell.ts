/** What node-postgres looks at for every connection, whatever its URL says. */
const POSTGRES = [
  'PGOPTIONS',
  'PGSSLMODE',
  'PGSSLNEGOTIATION',
  'PGREPLICATION',
  'PGCLIENT_ENCODING',
  'PGBINARY',
];

const THIS_MACHINE = '127.0.0.1,localhost,::1';

/**
 * Keeps the shell's settings for other servers away from local ones: PostgreSQL's variables, and proxies.
 * @param environment of this process, which is changed. Servers that are configured get PGSSLMODE by `loadConfig`
 */
export function shieldLocalServers(environment: NodeJS.ProcessEnv): void {
  for (const name of POSTGRES) delete environment[name];
  const direct = environment['no_proxy'] ?? environment['NO_PROXY'];
  environment['no_proxy'] = environment['NO_PROXY'] = direct ? `${direct},${THIS_MACHINE}` : THIS_MACHINE;
}
