import { pino, type Logger } from 'pino';
import pretty from 'pino-pretty';

export interface LogOptions {
  level: string;
  /** For programs, or for people. */
  format: 'json' | 'pretty';
  /** Fields that each line gets in addition. */
  context: () => object;
  /** A line could not be written. */
  onError: (error: NodeJS.ErrnoException) => void;
}

const FOR_PEOPLE = {
  messageKey: 'message',
  levelKey: 'severity',
  translateTime: 'SYS:HH:MM:ss.l',
  ignore: 'service,pid',
  singleLine: true,
};

/**
 * Logs to standard output: one JSON object a line, with the field names of GitLab's LabKit, or for people time, level and
 * message first. Tokens, bodies and passwords are never handed to it.
 */
export function createLog({ level, format, context, onError }: LogOptions): Logger {
  const destination = pino.destination({ dest: 1, sync: true });
  destination.on('error', onError);
  return pino(
    {
      level,
      mixin: () => ({ ...context() }),
      base: { service: 'namespace-provisioner', pid: process.pid },
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ severity: label.toUpperCase() }),
        log: ({ err, ...fields }) => (err === undefined ? fields : { ...fields, ...exceptionFields(err) }),
      },
    },
    format === 'json' ? destination : pretty({ ...FOR_PEOPLE, destination }),
  );
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
