import { setTimeout as sleep } from 'node:timers/promises';
import { startServiceProcess, type ServiceProcess } from '../../support/serviceProcess';

/** A part of the service that is started again whenever it ends, as a process manager does. */
export class Supervised {
  private current: ServiceProcess | null = null;
  private isWanted = true;
  private readonly loop: Promise<void>;
  kills = 0;

  constructor(
    private readonly env: Record<string, string>,
    private readonly args: string[],
  ) {
    this.loop = this.run();
  }

  /** Sends SIGKILL if the process runs. */
  kill(): void {
    if (this.current?.child.kill('SIGKILL')) this.kills += 1;
  }

  /** Sends SIGTERM if the process runs: it stops in order, and another one is started. */
  restart(): void {
    this.current?.child.kill('SIGTERM');
  }

  get isUp(): boolean {
    return this.current !== null;
  }

  /** Whether it runs, and the end of what it has logged, or why it did not start. */
  describe(): string {
    const log = this.current?.log().split('\n').slice(-15).join('\n') ?? this.failure;
    return `${this.args.join(' ')}: ${this.current ? 'up' : 'down'}\n${log}`;
  }
  private failure = '';

  /** Ends it for good. @returns the exit code of an orderly stop */
  async stop(): Promise<number | null> {
    this.isWanted = false;
    const code = (await this.current?.stop()) ?? null;
    await this.loop;
    return code;
  }

  private async run(): Promise<void> {
    while (this.isWanted) {
      const service = await startServiceProcess(this.env, this.args).catch((error: unknown) => {
        this.failure = String(error);
        return null;
      });
      if (!service) {
        await sleep(100); // what it needs is away
        continue;
      }
      this.current = service;
      if (!this.isWanted) void service.stop();
      await service.ended;
      this.current = null;
    }
  }
}
