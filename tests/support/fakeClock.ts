import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe } from '@jest/globals';

const MISSING = 'no libfaketime here: install the package faketime';

/** The library that gives a process another clock, as Debian and its relatives install it. */
function findLibrary(): string | null {
  const folders = existsSync('/usr/lib') ? readdirSync('/usr/lib') : [];
  const files = folders.map((folder) => path.join('/usr/lib', folder, 'faketime/libfaketimeMT.so.1'));
  return files.find((file) => existsSync(file)) ?? null;
}

/** The system clock of a process, which a test can set while the process runs. Its monotonic clock stays right. */
export class FakeClock {
  private constructor(
    private readonly file: string,
    /** For the environment of the process. */
    readonly environment: Record<string, string>,
  ) {}

  /** @param file is made. @throws when there is no libfaketime here */
  static at(offsetS: number, file: string): FakeClock {
    const library = findLibrary();
    if (library === null) throw new Error(MISSING);
    const clock = new FakeClock(file, {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_CACHE_DURATION: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    });
    clock.set(offsetS);
    return clock;
  }

  /** Sets it so many seconds before (below 0) or after the right time; the process notices within a second. */
  set(offsetS: number): void {
    writeFileSync(this.file, `${offsetS < 0 ? '' : '+'}${offsetS}s`);
  }
}

/** Whether clocks can be faked here; where not, says that `what` is left out. With `CI=true` it is not left out, and fails. */
export function canFakeClocks(what: string): boolean {
  if (findLibrary() !== null || process.env['CI'] === 'true') return true;
  console.warn(`skipped: ${what}: ${MISSING}`);
  return false;
}

/** Like `describe`, for tests that need a FakeClock. */
export function describeWithFakeClocks(name: string, tests: () => void): void {
  (canFakeClocks(name) ? describe : describe.skip)(name, tests);
}
