import { tapWay } from './tappedWay';

/** A way to PostgreSQL that counts the statements that go over it. */
export interface StatementCounter {
  port: number;
  /** Until now, over all connections. */
  readonly count: number;
  close(): Promise<void>;
}

/** @param url of a database */
export async function startStatementCounter(url: string): Promise<StatementCounter> {
  const { hostname, port } = new URL(url);
  let count = 0;
  const way = await tapWay(hostname, Number(port), () =>
    messageCounter((type) => (count += type === SYNC || type === QUERY ? 1 : 0)),
  );
  return {
    ...way,
    get count() {
      return count;
    },
  };
}

// A client's messages: the first has 4 bytes of length, the others 1 of type before it; the length counts itself. Each
// statement ends with one of these.
const SYNC = 'S'.charCodeAt(0);
const QUERY = 'Q'.charCodeAt(0);

/** @returns takes the bytes of one client as they come, and tells the type of each message */
function messageCounter(onMessage: (type: number) => void): (chunk: Buffer) => void {
  let typeBytes = 0; // none before the first message
  let rest = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= typeBytes + 4) {
      const end = typeBytes + rest.readInt32BE(typeBytes);
      if (rest.length < end) return;
      if (typeBytes > 0) onMessage(rest.readUInt8(0));
      rest = rest.subarray(end);
      typeBytes = 1;
    }
  };
}
