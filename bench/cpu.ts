import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const TICK_MS = 1000 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

interface Stat {
  pid: number;
  parent: number;
  /** Milliseconds of CPU, user and system. */
  own: number;
  /** The same of its children that have ended and were waited for. */
  ended: number;
}

/**
 * Milliseconds of CPU that processes have used so far, each with its children, those included that have ended.
 * @param roots pids by the name of what they belong to
 */
export function cpuUsed<Name extends string>(roots: Record<Name, number[]>): Record<Name, number> {
  const all = readdirSync('/proc').flatMap((name) =>
    /^\d+$/.test(name) ? (statOf(Number(name)) ?? []) : [],
  );
  const tree = (pid: number): number =>
    all
      .filter((stat) => stat.pid === pid)
      .reduce(
        (sum, stat) =>
          all
            .filter(({ parent }) => parent === pid)
            .reduce((children, child) => children + tree(child.pid), sum + stat.own + stat.ended),
        0,
      );
  const sums = Object.entries<number[]>(roots).map(([name, pids]) => [
    name,
    pids.reduce((sum, pid) => sum + tree(pid), 0),
  ]);
  return Object.fromEntries(sums) as Record<Name, number>;
}

function statOf(pid: number): Stat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // "pid (name) state parent …": the name may itself hold spaces and parentheses.
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const [parent = 0, user = 0, system = 0, endedUser = 0, endedSystem = 0] = [1, 11, 12, 13, 14].map(
      (index) => fields[index] ?? 0,
    );
    return { pid, parent, own: (user + system) * TICK_MS, ended: (endedUser + endedSystem) * TICK_MS };
  } catch {
    return null; // it has ended meanwhile
  }
}
