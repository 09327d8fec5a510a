import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

export interface ProcessInfo {
  parentPid: number;
  /** The arguments, joined by spaces. */
  commandLine: string;
}

/**
 * What runs under `pid`, or null when nothing does. A zombie counts as nothing: in a container without an
 * init process nobody may ever reap it, but it holds no files and no ports.
 */
export async function processInfo(pid: number): Promise<ProcessInfo | null> {
  return process.platform === 'linux' ? fromProc(pid) : fromPs(pid);
}

async function fromProc(pid: number): Promise<ProcessInfo | null> {
  try {
    const [commandLine, stat] = await Promise.all([
      readFile(`/proc/${pid}/cmdline`, 'utf8'),
      readFile(`/proc/${pid}/stat`, 'utf8'),
    ]);
    if (commandLine === '') return null;
    // "pid (name) state parent …": the name may itself hold spaces and parentheses.
    const parentPid = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    return { parentPid, commandLine: commandLine.split('\0').join(' ').trim() };
  } catch {
    return null;
  }
}

async function fromPs(pid: number): Promise<ProcessInfo | null> {
  try {
    const { stdout } = await promisify(execFile)('ps', [
      '-ww',
      '-o',
      'ppid=,stat=,command=',
      '-p',
      String(pid),
    ]);
    const match = /^\s*(\d+)\s+(\S+)\s+(.*)$/m.exec(stdout);
    if (match === null || match[2]?.startsWith('Z')) return null;
    return { parentPid: Number(match[1]), commandLine: match[3] ?? '' };
  } catch {
    return null;
  }
}
