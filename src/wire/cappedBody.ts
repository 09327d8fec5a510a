/**
 * Reads a body without keeping more of it than `maxBytes`. The bytes are counted while they come, as a `Content-Length`
 * may be absent, or may be that of a compressed body.
 * @param readOn whether a larger body is read to its end, so that its size is known and its connection stays usable
 * @returns the kept bytes, and how many were read: more than `maxBytes` if the body is larger
 * @throws what the body's stream throws
 */
export async function readCapped(
  body: Response['body'],
  maxBytes: number,
  readOn = false,
): Promise<{ kept: Buffer; size: number }> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size <= maxBytes) chunks.push(chunk);
    else if (!readOn) break;
  }
  return { kept: Buffer.concat(chunks), size };
}
