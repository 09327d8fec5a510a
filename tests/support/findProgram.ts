import { accessSync, constants } from 'node:fs';
import path from 'node:path';

/**
 * Finds a program: by its names on `PATH`, then at other places.
 * @returns its path, or null when it is nowhere
 */
export function findProgram(names: string[], elsewhere: string[], searchPath = ''): string | null {
  const onPath = searchPath
    .split(path.delimiter)
    .flatMap((folder) => names.map((name) => path.join(folder, name)));
  return [...onPath, ...elsewhere].find(isExecutable) ?? null;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
