import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/**
 * Runs a program to its end and returns what it printed on stdout. Rejects when it cannot be run, exits with an
 * error (the message ends with the last line of its stderr), or takes longer than `timeoutMs` (it is then killed).
 */
export async function commandOutput(
  command: string,
  args: string[],
  env: NodeJS.ProcessEnv,
  timeoutMs: number,
): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(command, args, {
      env,
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    });
    return stdout;
  } catch (error) {
    const { killed, stderr, message } = error as Error & { killed?: boolean; stderr?: string };
    const reason = killed
      ? `no answer within ${timeoutMs / 1000} s`
      : stderr?.trim().split('\n').pop() || message;
    throw new Error(`${command} ${args.slice(0, 3).join(' ')}: ${reason}`, { cause: error });
  }
}
