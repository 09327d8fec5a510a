import type { Logger } from 'pino';
import { startOnFreePorts } from '../local/ports';
import type { Metrics } from '../metrics/metrics';
import { installRuntime } from '../worker/connection';

const LOOPBACK = '127.0.0.1';

/** Installs Temporal's SDK. It serves its own metrics on a free port of the loopback; ours hand them on. */
export async function installMeasuredRuntime(log: Logger, metrics: Metrics): Promise<void> {
  const address = await startOnFreePorts([0], LOOPBACK, ([port]) => {
    const free = `${LOOPBACK}:${port}`;
    installRuntime(log, free);
    return Promise.resolve(free);
  });
  metrics.others.push(() =>
    fetch(`http://${address}/metrics`, { signal: AbortSignal.timeout(2_000) }).then(
      (answer) => answer.text(),
      () => '', // ours are worth more than nothing
    ),
  );
}
