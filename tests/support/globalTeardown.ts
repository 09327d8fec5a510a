import { running } from './running';

export default async function globalTeardown(): Promise<void> {
  for (const stop of running.stops.splice(0).toReversed()) await stop();
  running.servers = null;
}
