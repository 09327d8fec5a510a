import { createWriteStream } from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { commandOutput } from './commandOutput';

/** Where the makers of Temporal offer the CLI. */
export const OFFICIAL_DOWNLOADS = 'https://temporal.download/cli/archive';

const PLATFORMS: Record<string, string> = { win32: 'windows' };
const ARCHITECTURES: Record<string, string> = { x64: 'amd64' };

/**
 * Downloads the official archive of a CLI version and unpacks the CLI into `directory`, with the `tar` found through
 * `env`. Returns the executable's path. Rejects when the server cannot be reached, the archive is cut off, or the
 * download takes longer than `timeoutMs`.
 */
export async function fetchOfficial(
  directory: string,
  version: string,
  baseUrl: string,
  timeoutMs: number,
  env: NodeJS.ProcessEnv,
): Promise<string> {
  const platform = PLATFORMS[process.platform] ?? process.platform;
  const arch = ARCHITECTURES[process.arch] ?? process.arch;
  const url = `${baseUrl}/v${version}?platform=${platform}&arch=${arch}`;
  const archive = path.join(directory, 'temporal.tar.gz');
  try {
    // The signal also covers the body: a connection that trickles must not hold the start for ever.
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
    if (!response.ok || response.body === null) throw new Error(`HTTP status ${response.status}`);
    await pipeline(response.body, createWriteStream(archive));
    await commandOutput('tar', ['-xzf', archive, '-C', directory, 'temporal'], env, 60_000);
  } catch (error) {
    // fetch says only "fetch failed"; what it was is in the cause.
    const { cause, message } = error as Error;
    throw new Error(`${url}: ${cause instanceof Error ? cause.message : message}`, { cause: error });
  }
  return path.join(directory, 'temporal');
}
