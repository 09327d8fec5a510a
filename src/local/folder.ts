import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';

/**
 * Creates a folder and its parents where they are missing. Unlike `mkdir` with `recursive`, it also returns in places like
 * /proc, where nothing can be created.
 * @param mode of a new folder, but not of those above it
 * @throws the system's error; ENOTDIR where there is a file
 */
export async function ensureFolder(folder: string, mode = 0o777): Promise<void> {
  try {
    await mkdir(folder, { mode });
  } catch (error) {
    if (await isFolder(folder)) return;
    const above = path.dirname(folder);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || (await isFolder(above))) throw error;
    await ensureFolder(above);
    await ensureFolder(folder, mode);
  }
}

async function isFolder(name: string): Promise<boolean> {
  const found = await stat(name).catch(() => null);
  if (found === null || found.isDirectory()) return found !== null;
  throw Object.assign(new Error(`${name} is a file`), { code: 'ENOTDIR' });
}
