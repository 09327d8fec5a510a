import { execFile, execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { testEnvironment } from '../../../support/environment';
import { findProgram } from '../../../support/findProgram';

/** What a command printed, on both streams, without colours and with single spaces. */
export interface Printed {
  code: number;
  text: string;
}

/** A person at a shell, with `temporal` and, where it is installed, `tctl` on the PATH. */
export interface Operator {
  run(command: string): Promise<Printed>;
  /** Puts a file where the commands are run. */
  write(name: string, content: unknown): Promise<void>;
}

/** tctl on the PATH, or the one of scripts/buildTctl.sh; null: there is none. */
export function findTctl(): string | null {
  const cache = path.join(
    process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'),
    'namespace-provisioner',
  );
  const built = namesIn(cache).filter((name) => name.startsWith('tctl-'));
  return findProgram(
    ['tctl'],
    built.map((name) => path.join(cache, name)),
    process.env['PATH'],
  );
}

/** Whether the server takes `temporal activity pause` and the like from the CLI of the tests: since 1.32. */
export function knowsActivityCommands(): boolean {
  const { temporalCli, temporalAddress } = testEnvironment();
  const args = ['operator', 'cluster', 'system', '--output', 'json', '--address', temporalAddress];
  const { serverVersion } = JSON.parse(execFileSync(temporalCli, args, { env: {}, encoding: 'utf8' })) as {
    serverVersion: string;
  };
  const [major = 0, minor = 0] = serverVersion.split('.').map(Number);
  return major > 1 || minor >= 32;
}

/** @param temporalNamespace where the runs are that the commands are about */
export async function createOperator(temporalNamespace: string, tctl: string | null): Promise<Operator> {
  const { directory, temporalCli, temporalAddress } = testEnvironment();
  const home = path.join(directory, 'operator');
  const bin = path.join(home, 'bin');
  await mkdir(bin, { recursive: true });
  await symlink(temporalCli, path.join(bin, 'temporal'));
  if (tctl !== null) await symlink(tctl, path.join(bin, 'tctl'));
  const env = {
    PATH: `${bin}${path.delimiter}${process.env['PATH']}`,
    HOME: home, // not the tools' settings of who runs the tests
    TEMPORAL_ADDRESS: temporalAddress,
    TEMPORAL_NAMESPACE: temporalNamespace,
    TEMPORAL_CLI_ADDRESS: temporalAddress,
    TEMPORAL_CLI_NAMESPACE: temporalNamespace,
  };
  const run = (command: string) =>
    new Promise<Printed>((resolve) => {
      const child = execFile('bash', ['-c', command], { cwd: home, env, timeout: 20_000 }, (_, out, err) =>
        resolve({ code: child.exitCode ?? -1, text: plain(out + err) }),
      );
    });
  return { run, write: (name, content) => writeFile(path.join(home, name), JSON.stringify(content)) };
}

function plain(text: string): string {
  // tctl colours its headers.
  return text.replace(/\u001b\[\d+m/g, '').replace(/\s+/g, ' ');
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
