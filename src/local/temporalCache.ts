import { chmod, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { sha256OfFile } from './fileHash';
import { usableServerVersion } from './temporalVersion';

const TEMPORARY = '.fetch-';
const ABANDONED_AFTER_MS = 60 * 60 * 1000;

/**
 * The cached CLI of that version for this platform, or null. One with a sha256 that is not trusted is removed: it is damaged,
 * or somebody has replaced it.
 */
export async function cachedCli(
  cacheDir: string,
  version: string,
  trusted: readonly string[],
): Promise<string | null> {
  for (const name of await readdir(cacheDir).catch(() => [])) {
    if (!name.startsWith(prefix(version))) continue;
    const file = path.join(cacheDir, name);
    const sha256 = await sha256OfFile(file).catch(() => null);
    if (sha256 !== null && trusted.includes(sha256)) return file;
    await rm(file, { force: true });
  }
  return null;
}

/**
 * Puts a CLI into the cache, whose folder is there, and returns its path. `fetch` gets an empty directory of its own on
 * the same file system and returns the path of the executable in it, which must be trusted, and then run, before it is
 * moved to its place. So two processes do not disturb each other, and a download that was cut off is never used.
 */
export async function addToCache(
  cacheDir: string,
  version: string,
  trusted: readonly string[],
  fetch: (directory: string) => Promise<string>,
): Promise<string> {
  await removeAbandoned(cacheDir);
  const directory = await mkdtemp(path.join(cacheDir, TEMPORARY));
  try {
    const fetched = await fetch(directory);
    const sha256 = await sha256OfFile(fetched);
    if (!trusted.includes(sha256))
      throw new Error(`it holds a CLI with the unknown sha256 ${sha256}: refused`);
    await chmod(fetched, 0o755);
    await usableServerVersion(fetched);
    const file = path.join(cacheDir, prefix(version) + sha256);
    await rename(fetched, file);
    return file;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function prefix(version: string): string {
  return `temporal-${version}-${process.platform}-${process.arch}.`;
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
