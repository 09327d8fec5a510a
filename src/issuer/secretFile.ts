import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readFile, rename, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';

/** The text of a file, or null when there is none. Other failures are thrown as they come. */
export async function readIfExists(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (isCode(error, 'ENOENT')) return null;
    throw error;
  }
}

/**
 * Creates a file that only its owner may read (0600, directory 0700) and returns what it holds afterwards:
 * `text`, or the text of another process that was first. A reader never sees it half written.
 */
export async function createOnce(file: string, text: string): Promise<string> {
  const directory = dirname(file);
  // The data directory above may have the usual mode; only the last part is secret.
  await mkdir(dirname(directory), { recursive: true });
  await mkdir(directory, { mode: 0o700 }).catch(ignore('EEXIST'));
  const draft = `${file}.${randomUUID()}.tmp`;
  try {
    await writeDurably(draft, text);
    // Unlike rename, link fails when the name is taken: the first process wins and keeps its key.
    await link(draft, file).catch(ignore('EEXIST'));
  } finally {
    await unlink(draft).catch(ignore('ENOENT'));
  }
  return readFile(file, 'utf8');
}

/** Replaces a file as a whole, readable by its owner only: a reader sees the old text or the new one. */
export async function replaceFile(file: string, text: string): Promise<void> {
  const draft = `${file}.${randomUUID()}.tmp`;
  await writeDurably(draft, text);
  await rename(draft, file);
}

/**
 * Runs `work` while holding `<file>.lock`, which other processes respect. A lock older than 30 s is abandoned.
 * @returns null when another process holds the lock
 */
export async function withFileLock<T>(file: string, work: () => Promise<T>): Promise<T | null> {
  const lock = `${file}.lock`;
  const age = await stat(lock).then(({ mtimeMs }) => Date.now() - mtimeMs, ignore('ENOENT'));
  // One from the future, after the clock was set back, would block for as long as the clock was wrong.
  if (age !== undefined && Math.abs(age) > ABANDONED_LOCK_MS) await unlink(lock).catch(ignore('ENOENT'));
  const handle = await open(lock, 'wx', 0o600).catch(ignore('EEXIST'));
  if (!handle) return null;
  try {
    return await work();
  } finally {
    await handle.close();
    await unlink(lock);
  }
}

const ABANDONED_LOCK_MS = 30_000;

async function writeDurably(file: string, text: string): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function ignore(code: string): (error: unknown) => undefined {
  return (error) => {
    if (!isCode(error, code)) throw error;
  };
}

function isCode(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException | null)?.code === code;
}
