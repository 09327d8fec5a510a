import { DefaultPayloadConverter, type PayloadConverter } from '@temporalio/common';

/** Stands for a payload that cannot be read: one of another encoding, or that is not what its encoding says. */
export class Undecodable {
  constructor(readonly encoding: string) {}
}

/**
 * Reads payloads like the SDK's own converter, but does not throw at one that it cannot read. Inputs, signals and memos
 * are decoded before any code of ours runs: an error there would fail the workflow task, again and again, and the run
 * would be in the way of its namespace for ever.
 */
class LenientPayloadConverter extends DefaultPayloadConverter {
  override fromPayload<T>(...args: Parameters<PayloadConverter['fromPayload']>): T {
    try {
      return super.fromPayload(...args) as T;
    } catch {
      const encoding = new TextDecoder().decode(args[0].metadata?.['encoding'] ?? new Uint8Array());
      return new Undecodable(encoding.slice(0, 100)) as T;
    }
  }
}

/** Looked up by this name in the file that the client and the bundle of the workflow code are told. */
export const payloadConverter = new LenientPayloadConverter();
