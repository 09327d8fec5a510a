import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A way to a PostgreSQL server that notes the statements which pass. */
export interface StatementTap {
  /** The server's URL by this way. */
  url: string;
  /** Each statement once, in the order in which it was first seen, with the values it then had. */
  statements: Map<string, (string | null)[]>;
  close(): Promise<void>;
}

/** @param url of a server on this machine */
export async function startStatementTap(url: string): Promise<StatementTap> {
  const statements = new Map<string, (string | null)[]>();
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(new URL(url).port), '127.0.0.1');
    const note = statementReader((statement, values) => {
      if (!statements.has(statement)) statements.set(statement, values);
    });
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined); // always followed by close
      socket.on('close', () => [near, far].forEach((each) => each.destroy()));
    }
    near.on('data', note);
    near.pipe(far).pipe(near);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const own = new URL(url);
  own.port = String((server.address() as AddressInfo).port);
  return {
    url: own.href,
    statements,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      sockets.forEach((socket) => socket.destroy());
      await closed;
    },
  };
}

type OnStatement = (statement: string, values: (string | null)[]) => void;

/**
 * Reads what a client sends: a start-up message without a type, then typed ones. Q holds a statement; P (parse) names one,
 * B (bind) gives a named one its values.
 */
function statementReader(onStatement: OnStatement): (chunk: Buffer) => void {
  let pending = Buffer.alloc(0);
  let hasStarted = false;
  const named = new Map<string, string>();
  const read = (type: string, message: Message) => {
    if (type === 'Q') onStatement(message.text(), []);
    if (type === 'P') named.set(message.text(), message.text());
    if (type !== 'B') return;
    message.text(); // the portal
    onStatement(named.get(message.text()) ?? '', message.values());
  };
  return (chunk) => {
    pending = Buffer.concat([pending, chunk]);
    for (;;) {
      const at = hasStarted ? 1 : 0;
      if (pending.length < at + 4) return;
      const end = at + pending.readInt32BE(at);
      if (pending.length < end) return;
      if (hasStarted) read(String.fromCharCode(pending[0] ?? 0), new Message(pending.subarray(at + 4, end)));
      pending = pending.subarray(end);
      hasStarted = true;
    }
  };
}

/** The body of a message, read from its beginning. */
class Message {
  private at = 0;
  constructor(private readonly body: Buffer) {}

  text(): string {
    const end = this.body.indexOf(0, this.at);
    const text = this.body.toString('utf8', this.at, end);
    this.at = end + 1;
    return text;
  }

  /** Of a B: all as text, which is how the driver sends whatever is no Buffer. */
  values(): (string | null)[] {
    const formats = this.int16();
    this.at += 2 * formats;
    return Array.from({ length: this.int16() }, () => {
      const length = this.body.readInt32BE(this.at);
      this.at += 4;
      if (length < 0) return null;
      this.at += length;
      return this.body.toString('utf8', this.at - length, this.at);
    });
  }

  private int16(): number {
    this.at += 2;
    return this.body.readInt16BE(this.at - 2);
  }
}
