import { z } from 'zod';
import { INVALID, toBoolean, toDate, toInteger, toText, type Coerced } from './coercion';

/** JSON Schema parts and the description of one parameter, as OpenAPI shows them. */
interface FieldMeta {
  description: string;
  examples: unknown[];
}

/**
 * A parameter that may be absent (its key then stays absent). The JSON Schema given as `accepts` describes what the
 * coercion takes, because zod cannot look into the function.
 */
function field<T>(coerce: (value: unknown) => Coerced<T>, accepts: Record<string, unknown>, meta: FieldMeta) {
  return z
    .unknown()
    .transform((value, context): T | null => {
      const coerced = coerce(value);
      if (coerced !== INVALID) return coerced;
      context.addIssue({ code: 'custom', message: 'is invalid' });
      return z.NEVER;
    })
    .meta({ ...accepts, ...meta })
    .exactOptional();
}

/** A parameter of type Integer (contract 1.3). `description` names the unit. */
export function integerField(description: string, example: number) {
  const accepts = {
    type: ['number', 'string', 'null'],
    pattern: '^([\\t-\\r ]*[+-]?\\d+(_\\d+)*[\\t-\\r ]*)?$',
  };
  return field(toInteger, accepts, {
    description: `${description} Integer; base-10 strings are accepted, fractions are cut off, "" is null.`,
    examples: [example],
  });
}

/** A parameter of type Date (contract 1.3). */
export function dateField(description: string, example: string) {
  const accepts = { type: ['string', 'null'], format: 'date' };
  return field(toDate, accepts, {
    description: `${description} \`YYYY-MM-DD\`; \`YYYYMMDD\` and ISO timestamps are accepted, "" is null.`,
    examples: [example],
  });
}

/** A parameter of type Boolean (contract 1.3). */
export function booleanField(description: string, example: boolean) {
  const accepts = { type: ['boolean', 'integer', 'string', 'null'], minimum: 0, maximum: 1 };
  return field(toBoolean, accepts, {
    description: `${description} 1/0, on/off, t/f, true/false, y/n and yes/no in any case are accepted, "" is null.`,
    examples: [example],
  });
}

/** A parameter of type String (contract 1.3). */
export function textField(description: string, example: string) {
  const accepts = { type: ['string', 'number', 'boolean', 'null'] };
  return field(toText, accepts, { description, examples: [example] });
}
