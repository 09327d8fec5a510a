import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startOnFreePorts } from '../src/local/ports';

/** A Restate server that answers. */
export interface RestateServer {
  pid: number;
  ingressUrl: string;
  adminUrl: string;
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';
const START_LIMIT_MS = 60_000;

/** Starts Restate's server with its defaults; they flush its log to disk before they confirm. */
export function startRestateServer(directory: string): Promise<RestateServer> {
  return startOnFreePorts([0, 0, 0], HOST, async ([node, ingress, admin]) => {
    const child = spawn(
      binary(),
      ['--base-dir', path.join(directory, 'restate'), '--bind-ip', HOST, '--listen-mode', 'tcp', '--no-logo'],
      {
        env: {
          RESTATE_BIND_PORT: String(node),
          RESTATE_INGRESS__BIND_PORT: String(ingress),
          RESTATE_ADMIN__BIND_PORT: String(admin),
          RESTATE_DISABLE_TELEMETRY: 'true',
          RESTATE_LOG_FILTER: 'off',
        },
        stdio: 'ignore',
      },
    );
    const stop = async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      await once(child, 'exit');
    };
    const [ingressUrl, adminUrl] = [`http://${HOST}:${ingress}`, `http://${HOST}:${admin}`];
    const limit = performance.now() + START_LIMIT_MS;
    while (!((await isHealthy(`${adminUrl}/health`)) && (await isHealthy(`${ingressUrl}/restate/health`)))) {
      if (performance.now() > limit || child.exitCode !== null) {
        await stop();
        throw new Error('the Restate server did not start');
      }
      await sleep(50);
    }
    return { pid: child.pid ?? 0, ingressUrl, adminUrl, stop };
  });
}

/** @throws when npm has none for this machine: run the bench with `--only` and without restate then */
function binary(): string {
  const { platform, arch } = process;
  return require.resolve(`@restatedev/restate-server-${platform}-${arch}/bin/restate-server`);
}

function isHealthy(url: string): Promise<boolean> {
  return fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );
}
