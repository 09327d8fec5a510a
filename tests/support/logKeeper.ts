import { appendFileSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import NodeEnvironment from 'jest-environment-node';
import { LOG_FOLDER, type LogGlobal } from './testLog';

const SHOWN_LINES = 60;

interface TestEvent {
  name: string;
  test?: { name: string; errors: unknown[] };
}

/**
 * Where test files run. What the code under test prints goes into a file of `LOG_FOLDER`, and is shown if a test fails:
 * so a run prints its results.
 */
export default class LogKeeper extends NodeEnvironment {
  private readonly file: string;
  private readonly outputs = [process.stdout, process.stderr].map((stream) => ({
    stream,
    write: stream.write.bind(stream),
  }));
  private sinceLastTest = '';

  constructor(...args: ConstructorParameters<typeof NodeEnvironment>) {
    super(...args);
    const [{ projectConfig }, { testPath }] = args;
    const name = path.relative(path.join(projectConfig.rootDir, 'tests'), testPath);
    this.file = path.join(LOG_FOLDER, `${name.replaceAll(path.sep, '.')}.log`);
  }

  override async setup(): Promise<void> {
    await super.setup();
    mkdirSync(LOG_FOLDER, { recursive: true });
    rmSync(this.file, { force: true });
    (this.global as LogGlobal).keepLog = (text) => void this.keep(text);
    for (const { stream } of this.outputs) {
      stream.write = (text: string | Uint8Array) => this.keep(Buffer.from(text).toString());
    }
  }

  override async teardown(): Promise<void> {
    for (const { stream, write } of this.outputs) stream.write = write;
    await super.teardown();
  }

  handleTestEvent({ name, test }: TestEvent): void {
    if (name !== 'test_done') return;
    if (test && test.errors.length > 0 && this.sinceLastTest !== '') {
      const title = `Log of the failed test "${test.name}" (more in ${this.file}, of shared services beside it):`;
      const lines = this.sinceLastTest.trimEnd().split('\n').slice(-SHOWN_LINES);
      this.outputs[0]?.write(`${[title, ...lines].join('\n  ')}\n\n`);
    }
    this.sinceLastTest = '';
  }

  private keep(text: string): true {
    this.sinceLastTest += text;
    appendFileSync(this.file, text);
    return true;
  }
}
