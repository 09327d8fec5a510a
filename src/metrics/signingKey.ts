import { lookedUpGauges } from './lookedUp';
import type { Metrics } from './metrics';

/** Shows how old the key is that signs tokens. @param age in milliseconds */
export function observeSigningKey({ registry }: Pick<Metrics, 'registry'>, age: () => Promise<number>): void {
  const gauge = {
    name: 'provisioner_signing_key_age_seconds',
    help: 'How long the key that signs tokens now has been signing',
    valueOf: (ageMs: number) => ageMs / 1000,
  };
  lookedUpGauges(registry, age, [gauge]);
}
