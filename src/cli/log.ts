import { pino, type Logger } from 'pino';

/**
 * Logs one JSON object a line to standard output, with the field names of GitLab's LabKit. Tokens, bodies and
 * passwords are never handed to it.
 * @param context what each line says besides, at the moment
 */
export function createLog(level: string, context: () => object): Logger {
  return pino({
    level,
    mixin: () => ({ ...context() }),
    base: { service: 'namespace-provisioner', pid: process.pid },
    messageKey: 'message',
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: {
      level: (label) => ({ severity: label.toUpperCase() }),
      log: ({ err, ...fields }) => (err === undefined ? fields : { ...fields, ...exceptionFields(err) }),
    },
  });
}

/** An error's kind and place; a database error's detail is left out, as it quotes rows. */
function exceptionFields(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { 'exception.message': String(error) };
  const { code } = error as Error & { code?: unknown };
  return {
    'exception.class': error.name,
    'exception.message': error.message,
    'exception.code': code,
    'exception.backtrace': error.stack?.split('\n').slice(1, 12),
  };
}
