import { z } from 'zod';
import { INVALID, toBoolean, toDate, toInteger, toText, type Coerced } from './coercion';
import { ELEMENT_KEYS, normaliseAddOnPurchases, type AddOnValue } from './addOnElement';
import { isJsonObject } from './json';
import { ADD_ONS, PLANS } from './catalogue';

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
function integerField(description: string, example: number) {
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
function dateField(description: string, example: string) {
  const accepts = { type: ['string', 'null'], format: 'date' };
  return field(toDate, accepts, {
    description: `${description} \`YYYY-MM-DD\`; \`YYYYMMDD\` and ISO timestamps are accepted, "" is null.`,
    examples: [example],
  });
}

/** A parameter of type Boolean (contract 1.3). */
function booleanField(description: string, example: boolean) {
  const accepts = { type: ['boolean', 'integer', 'string', 'null'], minimum: 0, maximum: 1 };
  return field(toBoolean, accepts, {
    description: `${description} 1/0, on/off, t/f, true/false, y/n and yes/no in any case are accepted, "" is null.`,
    examples: [example],
  });
}

/** A parameter of type String (contract 1.3). */
function textField(description: string, example: string) {
  const accepts = { type: ['string', 'number', 'boolean', 'null'] };
  return field(toText, accepts, { description, examples: [example] });
}

const baseProduct = z
  .object({
    plan_code: textField(
      `Name of the plan, one of ${PLANS.map(({ name }) => `\`${name}\``).join(', ')}; null is the plan \`free\`.`,
      'premium',
    ),
    start_date: dateField(
      'First day of the subscription; today when a subscription is created without.',
      '2026-02-13',
    ),
    end_date: dateField('Last day of the subscription; null is open-ended.', '2027-02-13'),
    seats: integerField('Purchased seats; 0 when a subscription is created without.', 10),
    max_seats_used: integerField('Highest number of seats in use during the term.', 12),
    trial: booleanField('Whether this is a trial; it then needs both trial dates.', false),
    auto_renew: booleanField('Whether the subscription renews itself.', true),
    trial_starts_on: dateField('First day of the trial.', '2026-02-13'),
    trial_ends_on: dateField('Last day of the trial, after its first day.', '2026-03-15'),
    contract_overages_allowed: booleanField('Whether more seats than purchased may be used; not null.', true),
  })
  .meta({ description: 'The subscription itself (contract 4.1).' });

const storage = z
  .object({
    additional_purchased_storage_size: integerField('Purchased storage in MiB; not null.', 10_240),
    additional_purchased_storage_ends_on: dateField(
      'Last day of the purchased storage; null is never.',
      '2027-02-13',
    ),
  })
  .meta({ description: 'Purchased storage (contract 4.2).' });

const computeMinutes = z
  .object({
    shared_runners_minutes_limit: integerField(
      'Compute minutes a month; null is the instance default.',
      10_000,
    ),
    extra_shared_runners_minutes_limit: integerField('Purchased compute minutes; null is none.', 5_000),
  })
  .meta({ description: 'Compute minutes (contract 4.3).' });

const elementSchema = {
  type: 'object',
  properties: {
    started_on: { type: ['string', 'null'], format: 'date', examples: ['2026-02-13'] },
    expires_on: { type: ['string', 'null'], format: 'date', examples: ['2027-02-13'] },
    quantity: {
      type: ['integer', 'string', 'null'],
      description: 'Seats, or units of credit.',
      examples: [10],
    },
    purchase_xid: {
      type: ['string', 'number', 'boolean', 'null'],
      maxLength: 255,
      examples: ['A-S00000001'],
    },
    trial: { type: ['boolean', 'integer', 'string', 'null'], examples: [false] },
    new_subscription: { type: ['boolean', 'integer', 'string', 'null'], examples: [false] },
  } satisfies Record<(typeof ELEMENT_KEYS)[number], unknown>,
};

const listSchema = { type: ['array', 'null'], items: elementSchema };

const addOnPurchases = z
  .unknown()
  .transform((value, context): Record<string, AddOnValue> | null => {
    if (value === null) return null;
    if (isJsonObject(value)) return normaliseAddOnPurchases(value);
    context.addIssue({ code: 'custom', message: 'is invalid' });
    return z.NEVER;
  })
  .meta({
    type: ['object', 'null'],
    properties: Object.fromEntries(
      ADD_ONS.flatMap(({ names, description }) =>
        names.map((name) => [name, { ...listSchema, description }]),
      ),
    ),
    additionalProperties: listSchema,
    description:
      'Add-on purchases by the name of the add-on (contract 4.4). Only the first element of an array counts; a name ' +
      'that is absent changes nothing. Wrong values in here are answered 422, not 400.',
    examples: [
      {
        duo_pro: [{ quantity: 10, started_on: '2026-02-13', expires_on: '2027-02-13', purchase_xid: 'A-1' }],
      },
    ],
  });

/**
 * The value of `provision` (contract 1.3): types, validation and OpenAPI come from here. The output has only the
 * sections that were asked; a key that was not sent is absent, a key sent as null is null.
 */
const provisionSchema = z
  .object({
    base_product: baseProduct.nullable().exactOptional(),
    storage: storage.nullable().exactOptional(),
    compute_minutes: computeMinutes.nullable().exactOptional(),
    add_on_purchases: addOnPurchases.exactOptional(),
  })
  .nullable()
  .transform((sections): Sections => {
    const asked = Object.entries(sections ?? {}).filter(
      ([, section]) => section && Object.keys(section).length > 0,
    );
    return Object.fromEntries(asked);
  })
  .meta({
    description: 'Everything that one namespace is entitled to. A section that is absent is left alone.',
  });

interface Sections {
  base_product?: z.output<typeof baseProduct>;
  storage?: z.output<typeof storage>;
  compute_minutes?: z.output<typeof computeMinutes>;
  add_on_purchases?: Record<string, AddOnValue>;
}

export type Provision = z.output<typeof provisionSchema>;
export type BaseProduct = NonNullable<Provision['base_product']>;
export type Storage = NonNullable<Provision['storage']>;
export type ComputeMinutes = NonNullable<Provision['compute_minutes']>;
export type AddOnPurchases = NonNullable<Provision['add_on_purchases']>;

export type ParsedProvision = { ok: true; provision: Provision } | { ok: false; errors: string[] };

/**
 * Reads the value of `provision`. Never throws. `errors` are worded as GitLab words them, in the order of the schema
 * (the sections in the order of the answer), e.g. `provision[base_product][seats] is invalid`.
 * A result can be read again and stays the same, because the workflow does so with its input.
 */
export function parseProvision(value: unknown): ParsedProvision {
  const parsed = provisionSchema.safeParse(value);
  if (parsed.success) return { ok: true, provision: parsed.data };
  const errors = parsed.error.issues.map(
    ({ path }) => `provision${path.map((key) => `[${String(key)}]`).join('')} is invalid`,
  );
  return { ok: false, errors: [...new Set(errors)] };
}

/** JSON Schema 2020-12 (thus OpenAPI 3.1) of what may be sent as `provision`. */
export function provisionJsonSchema(): Record<string, unknown> {
  const schema: Record<string, unknown> = {
    ...z.toJSONSchema(provisionSchema, { io: 'input', unrepresentable: 'any' }),
  };
  // The dialect belongs to a whole document, not to a schema inside an OpenAPI document.
  delete schema['$schema'];
  return schema;
}
