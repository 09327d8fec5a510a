import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';

export interface ProcessInfo {
  parentPid: number;
  /** When it began. With its pid it identifies the process, also after a restart of the machine. */
  began: string;
}

/**
 * The process with this pid; null: there is none. A zombie counts as none: without an init process, as in a container, it
 * may stay for ever, but it holds no files and no ports.
 */
export function processInfo(pid: number): ProcessInfo | null {
  try {
    return process.platform === 'linux' ? fromProc(pid) : fromPs(pid);
  } catch {
    return null;
  }
}

/** The working directory of a process; null: it has ended, or may not be read. */
export function workingDirectory(pid: number): string | null {
  try {
    if (process.platform === 'linux') return readlinkSync(`/proc/${pid}/cwd`);
    const found = execFileSync('/usr/sbin/lsof', ['-a', '-d', 'cwd', '-Fn', '-p', String(pid)], { env: {} });
    return /^n(.*)$/m.exec(found.toString())?.[1] ?? null;
  } catch {
    return null;
  }
}

function fromProc(pid: number): ProcessInfo | null {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // "pid (name) state parent …": the name may itself hold spaces and parentheses.
  const [state = '', parentPid, ...others] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if ('ZX'.includes(state)) return null;
  const ticksSinceBoot = others[17];
  return { parentPid: Number(parentPid), began: `${bootId()} ${ticksSinceBoot}` };
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return ''; // some sandboxes have none
  }
}

function fromPs(pid: number): ProcessInfo | null {
  const stdout = execFileSync('ps', ['-o', 'ppid=,stat=,lstart=', '-p', String(pid)], {
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
  });
  const match = /^\s*(\d+)\s+(\S+)\s+(.*\S)\s*$/.exec(stdout);
  if (match === null || match[2]?.startsWith('Z')) return null;
  return { parentPid: Number(match[1]), began: match[3] ?? '' };
}
