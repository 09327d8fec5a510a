import { afterAll, beforeAll, describe } from '@jest/globals';
import { chromium, type Browser } from 'playwright-core';
import { findProgram } from './findProgram';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const MAC_OS = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome';
const MISSING = 'no Chromium here: install the package chromium, or set CHROMIUM_PATH to the browser';

/** The browser of this machine: `CHROMIUM_PATH`, or the first one on `PATH`, or macOS' application; else null. */
function findChromium({ CHROMIUM_PATH, PATH }: NodeJS.ProcessEnv): string | null {
  return CHROMIUM_PATH || findProgram(NAMES, [MAC_OS], PATH);
}

/**
 * Like `describe`, with a headless Chromium. Where there is none the tests are skipped and say what is missing; with
 * `CI=true` they fail.
 * @param tests gets a function that returns the browser once tests run; each test makes a context of its own
 */
export function describeInBrowser(name: string, tests: (browser: () => Browser) => void): void {
  const executablePath = findChromium(process.env);
  let browser: Browser | undefined;
  const running = () => {
    if (!browser) throw new Error(MISSING);
    return browser;
  };
  if (executablePath === null && process.env['CI'] !== 'true') {
    console.warn(`skipped: ${name}: ${MISSING}`);
    describe.skip(name, () => tests(running));
    return;
  }
  describe(name, () => {
    beforeAll(async () => {
      if (executablePath === null) throw new Error(MISSING);
      browser = await chromium.launch({
        executablePath,
        args: ['--disable-gpu', '--no-first-run', '--disable-background-networking'],
      });
    }, 60_000);
    afterAll(() => browser?.close());
    tests(running);
  });
}
