import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readFile, unlink } from 'node:fs/promises';
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
 * `text`, or the text of another process that was first. Nobody ever sees it half written.
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

async function writeDurably(file: string, text: string): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function ignore(code: string): (error: unknown) => void {
  return (error) => {
    if (!isCode(error, code)) throw error;
  };
}

function isCode(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException | null)?.code === code;
}
