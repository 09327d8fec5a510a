/** How a program is asked to end: each signal in turn, waiting `graceMs` after each. SIGKILL follows the last. */
export type StopSignals = readonly { signal: NodeJS.Signals; graceMs: number }[];

/**
 * Sends the signals until `gone(ms)`, which waits at most that long for the end, says that the process has ended.
 * Then SIGKILL to its whole process group (it must be the leader of one), so that no child of it stays behind.
 */
export async function endProcess(
  pid: number,
  signals: StopSignals,
  gone: (ms: number) => Promise<boolean>,
): Promise<void> {
  for (const { signal, graceMs } of signals) {
    if (!send(pid, signal) || (await gone(graceMs))) return;
  }
  send(-pid, 'SIGKILL');
  await gone(5000);
}

function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false; // no such process
  }
}
