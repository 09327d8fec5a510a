import { appendFileSync, mkdirSync } from 'node:fs';
import path from 'node:path';

/** Holds a log for each test file, and those of the services that all test files share. */
export const LOG_FOLDER = path.join(__dirname, '../../.data/test-logs');

/** What the environment of a test file (`logKeeper.ts`) adds to its globals. */
export interface LogGlobal {
  keepLog?: (text: string) => void;
}

/**
 * Keeps what a process prints that a test has started.
 * @param name of the file, outside of test files
 */
export function keepLog(name: string, text: string): void {
  const { keepLog } = globalThis as LogGlobal;
  if (keepLog) return keepLog(text);
  mkdirSync(LOG_FOLDER, { recursive: true });
  appendFileSync(path.join(LOG_FOLDER, `${name}.log`), text);
}
