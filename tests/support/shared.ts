import { afterAll } from '@jest/globals';
import { ServiceClient } from './client';
import { TemporalProbe } from './temporal';

/** Talks to one of the two services of the global set-up, for the tests of a file: it is closed after them. */
export function sharedService(policy: 'compensate' | 'independent' = 'compensate'): ServiceClient {
  const client = ServiceClient.of(policy);
  afterAll(() => client.close());
  return client;
}

/** The same for the Temporal namespace of that service. */
export function sharedTemporal(policy: 'compensate' | 'independent' = 'compensate'): TemporalProbe {
  const temporal = TemporalProbe.of(policy);
  afterAll(() => temporal.close());
  return temporal;
}
