import { Socket } from 'node:net';

/** Sends what the driver writes in one turn of the event loop as one packet: a packet costs more than the bytes in it. */
export class BatchingSocket extends Socket {
  /** The driver corks the socket for each statement. What it has written until the turn ends goes with it. */
  override uncork(): void {
    process.nextTick(() => super.uncork());
  }
}
