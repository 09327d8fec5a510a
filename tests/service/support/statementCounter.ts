import { tapWay } from './tappedWay';

/** A way to PostgreSQL that counts what goes over it, until now and over all connections. */
export interface StatementCounter {
  port: number;
  readonly statements: number;
  /** Packets from the client: statements that do not wait for each other's results share one, and a round trip. */
  readonly roundTrips: number;
  close(): Promise<void>;
}

/** @param url of a database */
export async function startStatementCounter(url: string): Promise<StatementCounter> {
  const { hostname, port } = new URL(url);
  let statements = 0;
  let roundTrips = 0;
  const way = await tapWay(hostname, Number(port), () => {
    const read = messageReader((type) => (statements += type === SYNC || type === QUERY ? 1 : 0));
    return (chunk) => {
      roundTrips += 1;
      read(chunk);
    };
  });
  return {
    ...way,
    get statements() {
      return statements;
    },
    get roundTrips() {
      return roundTrips;
    },
  };
}

// A client's messages: the first has 4 bytes of length, the others 1 of type before it; the length counts itself. Each
// statement ends with one of these.
const SYNC = 'S'.charCodeAt(0);
const QUERY = 'Q'.charCodeAt(0);

/** @returns takes the bytes of one client as they come, and tells the type of each message */
function messageReader(onMessage: (type: number) => void): (chunk: Buffer) => void {
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
