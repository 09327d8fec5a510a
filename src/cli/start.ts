import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidArgumentError } from 'commander';
import type { LogContext } from '../activities/nameInLog';
import type { Config } from '../config/config';
import { banner } from './banner';
import { createLog } from './log';
import { PARTS, type Part } from './parts';

/** Reads `--only api,worker`. @throws InvalidArgumentError naming what is possible */
export function parseParts(text: string): Part[] {
  const names = text.split(',').map((name) => name.trim());
  const isPart = (name: string): name is Part => PARTS.some((part) => part === name);
  if (!names.every(isPart)) throw new InvalidArgumentError(`It takes a list of ${PARTS.join(', ')}.`);
  return [...new Set(names)];
}

// What is still open then is cut: whoever sent the signal is waiting.
const STOP_LIMIT_MS = 28_000;

/** Runs the service until a signal or until something that it needs has died; resolves with the exit code. */
export async function start(
  config: Config,
  environment: NodeJS.ProcessEnv,
  parts: readonly Part[],
): Promise<number> {
  const logContext: LogContext = new AsyncLocalStorage();
  const log = createLog(config.logLevel, () => logContext.getStore() ?? {});
  const onProgress = (line: string) => void process.stderr.write(`${line}\n`);
  let end: (code: number) => void = () => undefined;
  const ended = new Promise<number>((resolve) => (end = resolve));
  process.on('SIGINT', () => end(0));
  process.on('SIGTERM', () => end(0));
  const onFatal = (reason: string) => {
    log.fatal({ reason }, 'the service cannot go on');
    onProgress(reason);
    end(1);
  };
  // Loaded only here: what the service needs would cost every other command a second.
  const { startService } = await import('./service.js');
  const { createMetrics } = await import('../metrics/metrics.js');
  // A signal that comes meanwhile stops the service once it is up: nothing is left half started.
  const metrics = createMetrics();
  const stopping = new AbortController();
  const tracing =
    config.otlpEndpoint === null ? null : (await import('../tracing/tracing.js')).startTracing(log);
  const told = { log, logContext, metrics, tracing, stopping: stopping.signal, onProgress, onFatal };
  const service = await startService({ config, environment, parts, ...told });
  onProgress(banner(service, config.dataDir, process.stderr.isTTY));
  const code = await ended;
  onProgress('stopping');
  setTimeout(() => process.exit(code), STOP_LIMIT_MS).unref();
  stopping.abort();
  // Time for balancers to see that it is not ready any more: until then they still send requests.
  if (code === 0 && service.apiUrl !== null) await sleep(config.shutdownDelayMs);
  await service.stop();
  onProgress('stopped');
  return code;
}
