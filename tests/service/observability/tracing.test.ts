import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ServiceClient } from '../../support/client';
import { startCollector, type Collector, type Span } from '../../support/collector';
import { testEnvironment } from '../../support/environment';
import { eventually } from '../../support/eventually';
import { startServiceProcess } from '../../support/serviceProcess';
import { fullSync } from '../../support/syncs';
import { startOwnService, type OwnService } from '../sections/support/ownService';

const PROBE = path.join(__dirname, '../../support/loadedModules.cjs');
const probe = (name: string) => ({
  NODE_OPTIONS: `--require ${PROBE}`,
  LOADED_MODULES: path.join(testEnvironment().directory, `loaded-${name}.json`),
});

let collector: Collector;
let traced: OwnService;
beforeAll(async () => {
  collector = await startCollector();
  traced = await startOwnService('traced', 'compensate', undefined, {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_BSP_SCHEDULE_DELAY: '50',
    ...probe('traced'),
  });
});
afterAll(async () => {
  await collector.close();
});

test("a sync is one trace, from the caller's over the request and the run to each activity", async () => {
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  const id = await traced.client.createNamespace();
  const answer = await traced.client.provision(id, fullSync(1), 1, {
    traceparent: `00-${traceId}-b7ad6b7169203331-01`,
    'x-request-id': 'traced-request',
  });
  expect(answer.status).toBe(200);
  const find = (name: string) =>
    eventually(
      () =>
        Promise.resolve(
          collector.spans.find((span) => span.traceId === traceId && span.name.startsWith(name)),
        ),
      `a span ${name} in the trace`,
    );
  const request = await find('POST /api/v4/internal/');
  const start = await find('StartWorkflow:provisionNamespace');
  const run = await find('RunWorkflow:provisionNamespace');
  expect(request.parentSpanId).toBe('b7ad6b7169203331');
  expect(start.parentSpanId).toBe(request.spanId);
  expect(run.parentSpanId).toBe(start.spanId);
  for (const step of ['updateSubscription', 'updateNamespaceLimits', 'upsertAddOnPurchases']) {
    const scheduled = await find(`StartActivity:${step}`);
    const executed = await find(`RunActivity:${step}`);
    expect([scheduled.parentSpanId, executed.parentSpanId]).toEqual([run.spanId, scheduled.spanId]);
  }
  expect(attribute(request, 'correlation_id')).toBe('traced-request');
  expect(collector.services).toEqual(new Set(['namespace-provisioner']));
});

test('nothing of OpenTelemetry but its bare interface, which prom-client needs, is loaded without an endpoint', async () => {
  const { service } = traced.client;
  await traced.stop();
  const untraced = await startServiceProcess(
    {
      DATA_DIR: service.dataDir,
      GITLAB_DATABASE_URL: service.databaseUrl,
      TEMPORAL_ADDRESS: testEnvironment().temporalAddress,
      TEMPORAL_NAMESPACE: service.temporalNamespace,
      ...probe('untraced'),
    },
    ['--only', 'api,worker'],
  );
  const client = ServiceClient.for({ ...service, apiUrl: untraced.apiUrl });
  const answer = await client.provision(await client.createNamespace(), fullSync(1));
  await client.close();
  await untraced.stop();
  expect(answer.status).toBe(200);
  expect(await openTelemetry('traced')).toContain('@opentelemetry/sdk-trace-node');
  expect(await openTelemetry('untraced')).toEqual(['@opentelemetry/api']);
});

async function openTelemetry(name: string): Promise<string[]> {
  const modules = JSON.parse(await readFile(probe(name).LOADED_MODULES, 'utf8')) as string[];
  const packages = modules.flatMap(
    (file) => /node_modules\/(@[^/]*\/[^/]*opentelemetry[^/]*|@opentelemetry\/[^/]+)/.exec(file)?.[1] ?? [],
  );
  return [...new Set(packages)].sort();
}

function attribute({ attributes }: Span, name: string): string | undefined {
  return attributes.find(({ key }) => key === name)?.value.stringValue;
}
