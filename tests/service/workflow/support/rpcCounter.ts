import { tapWay } from '../../support/tappedWay';

/** A way to a gRPC server that counts the calls that go over it. */
export interface RpcCounter {
  address: string;
  /** Calls made until now. */
  readonly calls: number;
  close(): Promise<void>;
}

/** @param address of the server, without TLS */
export async function startRpcCounter(address: string): Promise<RpcCounter> {
  const [host = '', port] = address.split(':');
  let calls = 0;
  const way = await tapWay(host, Number(port), () =>
    frameCounter((type) => (calls += type === HEADERS ? 1 : 0)),
  );
  return {
    address: `127.0.0.1:${way.port}`,
    get calls() {
      return calls;
    },
    close: way.close,
  };
}

// HTTP/2: a client's preface, then frames: 3 bytes of length, 1 of type, 5 others, the payload. Each call of a gRPC
// client begins with one HEADERS frame.
const PREFACE = 24;
const FRAME_HEAD = 9;
const HEADERS = 1;

/** @returns takes the bytes of one client as they come, and tells the type of each frame */
function frameCounter(onFrame: (type: number | undefined) => void): (chunk: Buffer) => void {
  let skip = PREFACE;
  let head = Buffer.alloc(0);
  return (chunk) => {
    let rest = chunk;
    while (rest.length > 0) {
      const skipped = Math.min(skip, rest.length);
      skip -= skipped;
      rest = rest.subarray(skipped);
      const missing = FRAME_HEAD - head.length;
      head = Buffer.concat([head, rest.subarray(0, missing)]);
      rest = rest.subarray(missing);
      if (head.length < FRAME_HEAD) return;
      onFrame(head[3]);
      skip = head.readUIntBE(0, 3);
      head = Buffer.alloc(0);
    }
  };
}
