import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A way to a PostgreSQL server that notes the statements which pass. */
export interface StatementTap {
  port: number;
  /** Each statement once, in the order in which it was first seen. */
  statements: Set<string>;
  close(): Promise<void>;
}

/** Forwards to a server on this machine. */
export async function startStatementTap(port: number): Promise<StatementTap> {
  const statements = new Set<string>();
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    const note = statementReader((statement) => statements.add(statement));
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
  return {
    port: (server.address() as AddressInfo).port,
    statements,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      sockets.forEach((socket) => socket.destroy());
      await closed;
    },
  };
}

/** Reads what a client sends: a start-up message without a type, then typed ones; P (parse) and Q hold statements. */
function statementReader(onStatement: (statement: string) => void): (chunk: Buffer) => void {
  let pending = Buffer.alloc(0);
  let hasStarted = false;
  return (chunk) => {
    pending = Buffer.concat([pending, chunk]);
    for (;;) {
      const at = hasStarted ? 1 : 0;
      if (pending.length < at + 4) return;
      const end = at + pending.readInt32BE(at);
      if (pending.length < end) return;
      const [type, body] = [String.fromCharCode(pending[0] ?? 0), pending.subarray(at + 4, end)];
      if (hasStarted && type === 'Q') onStatement(text(body, 0));
      if (hasStarted && type === 'P') onStatement(text(body, body.indexOf(0) + 1));
      pending = pending.subarray(end);
      hasStarted = true;
    }
  };
}

function text(body: Buffer, from: number): string {
  return body.toString('utf8', from, body.indexOf(0, from));
}
