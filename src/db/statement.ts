import type { QueryConfig } from 'pg';

/**
 * Makes a statement that each connection has PostgreSQL parse once, and soon plan once, instead of at each call.
 * @param name unique among the statements of the service
 * @returns takes the values of its parameters
 */
export function prepared(name: string, text: string): (...values: unknown[]) => QueryConfig {
  return (...values) => ({ name, text, values });
}

// Every connection keeps them all, and which columns a sync writes is up to its sender.
const MAX_MADE = 100;
const namesOfMade = new Map<string, string>();

/** The same for a text that is made at run time. Beyond the first hundred texts they are not kept, only carried out. */
export function made(text: string, values: unknown[]): QueryConfig {
  const name =
    namesOfMade.get(text) ?? (namesOfMade.size < MAX_MADE ? `made_${namesOfMade.size}` : undefined);
  if (name === undefined) return { text, values };
  namesOfMade.set(text, name);
  return { name, text, values };
}
