const PRINTABLE = /^[\x21-\x7e]{1,255}$/;

/** Whether a sender's name for its request can be used: printable ASCII without spaces (contract 2). */
export function isCorrelationId(value: unknown): value is string {
  return typeof value === 'string' && PRINTABLE.test(value);
}
