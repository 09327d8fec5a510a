/** The largest int4, thus the largest number of seats, minutes or add-on units. */
export const INT4_MAX = 2_147_483_647;

/** What is wrong with a count that must be within 0 and `max`, after its name; null when nothing is (contract 4.5). */
export function rangeMessage(name: string, value: number | null, max: number = INT4_MAX): string | null {
  if (value !== null && value < 0) return `${name} must be greater than or equal to 0`;
  if (value !== null && value > max) return `${name} must be less than or equal to ${max}`;
  return null;
}
