import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { eventually } from './eventually';

/** The processes that work in a folder, or name it in their arguments; a zombie does neither. Linux only. */
export function processesOn(folder: string): string[] {
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim();
      const isOn = readlinkSync(`/proc/${pid}/cwd`).startsWith(folder) || commandLine.includes(folder);
      return isOn ? [`${pid} ${commandLine}`] : [];
    } catch {
      return []; // it has just ended
    }
  });
}

/** Waits until no process is left on a folder: ten seconds at most, as is promised. @returns those that are */
export async function leftOn(folder: string): Promise<string[]> {
  await eventually(async () => processesOn(folder).length === 0, '', 10_000).catch(() => undefined);
  return processesOn(folder);
}
