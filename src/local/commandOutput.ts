import { text } from 'node:stream/consumers';
import { startWatched } from './watchedProcess';

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
  const child = startWatched(command, args, { env, signals: ['SIGTERM'] });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    process.kill(-child.pid, 'SIGKILL');
  }, timeoutMs);
  const ended = new Promise<string>((resolve) =>
    child.once('close', (code, signal) => resolve(code === null ? `${signal}` : `exit code ${code}`)),
  );
  const [stdout, stderr, end] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  clearTimeout(timer);
  if (end === 'exit code 0') return stdout;
  const said = stderr
    .trim()
    .split('\n')
    .pop()
    ?.replace(/^.*: exec: /, ''); // how the shell begins, if it is not found
  const reason = isLate ? `no answer within ${timeoutMs / 1000} s` : said || end;
  throw new Error(`${command} ${args.slice(0, 3).join(' ')}: ${reason}`);
}
