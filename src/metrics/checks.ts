import { Gauge, type Registry } from 'prom-client';

/** Shows whether what the process cannot work without is there at the moment the metrics are read. */
export function checkGauge(registers: Registry[], checks: ReadonlyMap<string, () => Promise<boolean>>): void {
  new Gauge({
    name: 'provisioner_check_up',
    help: 'Whether a check of the readiness passes: 1 or 0',
    labelNames: ['check'],
    registers,
    async collect() {
      const look = async ([check, passes]: [string, () => Promise<boolean>]) =>
        this.set({ check }, (await passes()) ? 1 : 0);
      await Promise.all([...checks].map(look));
    },
  });
}
