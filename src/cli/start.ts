import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidArgumentError } from 'commander';
import type { LogContext } from '../activities/nameInLog';
import type { Config } from '../config/config';
import { banner } from './banner';
import { Cleanups, endWithParent, exit, hasNoReader, watchForEnding } from './ending';
import { createLog } from './log';
import { endOfLifeNotice } from './nodeVersion';
import { PARTS, usesLocalServers, type Part } from './parts';

/** Reads `--only api,worker`. @throws InvalidArgumentError naming what is possible */
export function parseParts(text: string): Part[] {
  const names = text.split(',').map((name) => name.trim());
  const isPart = (name: string): name is Part => PARTS.some((part) => part === name);
  if (!names.every(isPart)) throw new InvalidArgumentError(`It takes a list of ${PARTS.join(', ')}.`);
  return [...new Set(names)];
}

// Then what is still open is cut, as the sender of the signal waits. Local servers end with this process anyway.
const STOP_LIMIT_MS = 28_000;
const STOP_LIMIT_WHILE_STARTING_MS = 3_500;
// A step of the start usually ends in this time, which is better than to stop its servers under it.
const STEP_LIMIT_MS = 2_000;

/** Runs the service until a signal, or until a server that it needs dies; resolves with the exit code. */
export async function start(
  config: Config,
  environment: NodeJS.ProcessEnv,
  parts: readonly Part[],
): Promise<number> {
  const ending = watchForEnding([process.stdout, process.stderr]);
  if (usesLocalServers(config, parts)) endWithParent(ending);
  const logContext: LogContext = new AsyncLocalStorage();
  const log = createLog({
    level: config.logLevel,
    format: config.logFormat ?? (process.stdout.isTTY ? 'pretty' : 'json'),
    context: () => logContext.getStore() ?? {},
    onError: (error) => hasNoReader(error) && ending.end(0),
  });
  const onProgress = (line: string) => void process.stderr.write(`${line}\n`);
  const onFatal = (reason: string) => {
    log.fatal({ reason }, 'the service cannot go on');
    onProgress(reason);
    ending.end(1);
  };
  // Loaded only here: it would cost every other command a second.
  const { startService } = await import('./service.js');
  const { createMetrics } = await import('../metrics/metrics.js');
  const metrics = createMetrics();
  const stopping = new AbortController();
  const tracing =
    config.otlpEndpoint === null ? null : (await import('../tracing/tracing.js')).startTracing(log);
  const shared = { log, logContext, metrics, tracing, stopping: stopping.signal, onProgress, onFatal };
  const cleanups = new Cleanups(log);
  const starting = startService({ config, environment, parts, ...shared }, cleanups);
  starting.catch(() => undefined); // expected of a start that is stopped
  const service = await Promise.race([starting, ending.ended.then(() => null)]);
  if (service !== null) {
    log.info({ parts, api: service.apiUrl }, 'started');
    const notice = endOfLifeNotice(process.versions.node);
    if (notice !== null) onProgress(notice);
    onProgress(banner(service, config.dataDir, process.stderr.isTTY));
  }
  const code = await ending.ended;
  onProgress('stopping');
  const limitMs = service === null ? STOP_LIMIT_WHILE_STARTING_MS : STOP_LIMIT_MS;
  setTimeout(() => exit(code), limitMs).unref();
  stopping.abort();
  cleanups.close();
  if (service === null) await Promise.race([starting.catch(() => undefined), sleep(STEP_LIMIT_MS)]);
  // Balancers still send requests until they see that it is not ready.
  if (code === 0 && service !== null && service.apiUrl !== null) await sleep(config.shutdownDelayMs);
  await cleanups.run();
  onProgress('stopped');
  return code;
}
