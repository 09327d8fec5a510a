import { readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { PARTS } from '../../../src/cli/parts';
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
import {
  faultsOf,
  kustomizationOf,
  manifestFiles,
  manifestsIn,
  type Container,
  type Manifest,
  type PodSpec,
} from './support/manifests';

const FOLDER = 'deploy/kubernetes';
const MIGRATE = `${FOLDER}/migrate`;
const manifests = [...manifestsIn(FOLDER), ...manifestsIn(MIGRATE)];

interface Workload {
  selector: { matchLabels: object };
  template: { metadata: { labels: object }; spec: PodSpec };
}
interface Ports {
  selector: object;
  ports: { name: string; port: number; targetPort: string }[];
}
interface Policy {
  podSelector: { matchLabels: object };
  ingress: { from: object[]; ports: { port: number }[] }[];
}
interface Monitor {
  selector: { matchLabels: object };
  podMetricsEndpoints: { port: string; path: string; relabelings: object[] }[];
}

const of = <Spec>(kind: string) => manifests.filter((each) => each.kind === kind) as Manifest<Spec>[];
const named = <Spec>(kind: string, name: string) =>
  of<Spec>(kind).find(({ metadata }) => metadata.name === name)?.spec as Spec;
const labels = (part: string) => ({
  'app.kubernetes.io/name': 'provisioner',
  'app.kubernetes.io/component': part,
});

/** The port of a part's health and metrics, and that of what others call; each with its name. */
const SERVED: Record<string, { operations: [string, number]; called?: [string, number] }> = {
  api: { operations: ['admin', ADMIN_PORT], called: ['http', PORTS['api'] ?? 0] },
  worker: { operations: ['admin', PORTS['worker'] ?? 0] },
  relay: { operations: ['admin', PORTS['relay'] ?? 0] },
  cdot: { operations: ['http', PORTS['cdot'] ?? 0], called: ['http', PORTS['cdot'] ?? 0] },
};
const served = (part: string) => {
  const { operations, called = operations } = SERVED[part] as (typeof SERVED)['api'];
  return { operations, called, all: Object.entries(Object.fromEntries([called, operations])) };
};

const { template: migrate } = named<{ jobTemplate: { spec: Workload } }>('CronJob', 'provisioner-migrate')
  .jobTemplate.spec;
const jobs = of<{ jobTemplate: { spec: Workload } }>('CronJob').map(({ spec }) => spec.jobTemplate.spec);
const pods = [...of<Workload>('Deployment').map(({ spec }) => spec), ...jobs].map(
  ({ template }) => template.spec,
);
const containersOf = ({ initContainers = [], containers }: PodSpec) => [...initContainers, ...containers];

describe('deploy/kubernetes', () => {
  test.each(manifests.map((manifest) => [manifest.kind, manifest.metadata.name, manifest] as const))(
    '%s %s is what the API of Kubernetes takes, without a key that it does not know',
    (_kind, _name, manifest) => expect(faultsOf(manifest)).toEqual([]),
  );

  test.each(PARTS)('%s has its probes, its grace and its ports', (part) => {
    const { selector, template } = named<Workload>('Deployment', `provisioner-${part}`);
    const { terminationGracePeriodSeconds, containers } = template.spec;
    expect(terminationGracePeriodSeconds).toBeGreaterThanOrEqual(30); // src/cli/start.ts: 28 s
    const container = containers[0] as Container;
    expect(partOf(container.args)).toBe(part);
    const { operations, called, all } = served(part);
    expect(container.ports).toEqual(all.map(([name, containerPort]) => ({ name, containerPort })));
    for (const [probe, file, [port]] of [
      ['startupProbe', LIVENESS, called],
      ['livenessProbe', LIVENESS, called],
      ['readinessProbe', READINESS, operations],
    ] as const) {
      expect(container[probe]?.httpGet).toEqual({ path: file, port });
    }
    const adminPort = container.env.find(({ name }) => name === 'ADMIN_PORT')?.value;
    expect(adminPort).toBe(part === 'api' ? String(ADMIN_PORT) : undefined);
    expect(selector.matchLabels).toEqual(labels(part));
    expect(template.metadata.labels).toEqual(labels(part));
  });

  test.each(PARTS)('%s has a Service for its ports, and is scraped where it serves its metrics', (part) => {
    const service = named<Ports>('Service', `provisioner-${part}`);
    expect(service.selector).toEqual(labels(part));
    const { operations, all } = served(part);
    expect(service.ports.map(({ targetPort }) => targetPort)).toEqual(all.map(([name]) => name));
    const monitor = named<Monitor>('PodMonitor', `provisioner-${part}`);
    expect(monitor.selector.matchLabels).toEqual(labels(part));
    const relabelings = [{ targetLabel: 'environment', replacement: expect.any(String) }];
    expect(monitor.podMetricsEndpoints).toEqual([
      { port: operations[0], path: '/-/metrics', interval: '15s', relabelings },
    ]);
    expect(read('src/api/healthApp.ts')).toContain(`'/-/metrics'`);
  });

  test.each(PARTS)('%s is reached by Prometheus and by its callers, each at their port', (part) => {
    const { podSelector, ingress } = named<Policy>('NetworkPolicy', `provisioner-${part}`);
    expect(podSelector.matchLabels).toEqual(labels(part));
    const { operations, called } = served(part);
    const isMonitoring = (from: object) => JSON.stringify(from).includes('monitoring');
    for (const { from, ports } of ingress) {
      const wanted = from.some(isMonitoring) ? operations : called;
      expect(ports.map(({ port }) => port)).toEqual([wanted[1]]);
      // Whoever shares a rule with Prometheus gets to the metrics, too.
      if (from.length > 1 && from.some(isMonitoring)) expect(operations).toEqual(called);
    }
    expect(ingress.flatMap(({ from }) => from).some(isMonitoring)).toBe(true);
  });

  test('nobody reaches a pod without a policy of its own', () => {
    const { podSelector, ingress } = named<Policy>('NetworkPolicy', 'provisioner');
    expect(podSelector.matchLabels).toEqual({ 'app.kubernetes.io/name': 'provisioner' });
    expect(ingress).toEqual([]);
  });

  test('every container is confined and knows its variables', () => {
    for (const pod of pods) {
      expect(pod.securityContext).toMatchObject({
        ...{ runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
      });
      for (const { env, securityContext, resources } of containersOf(pod)) {
        expect(securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
        expect(resources).toMatchObject({ requests: expect.anything(), limits: expect.anything() });
        for (const { name } of env) expect(KNOWN_VARIABLES).toContain(name);
      }
    }
    for (const name of of('ConfigMap').flatMap(({ data = {} }) => Object.keys(data))) {
      expect(KNOWN_VARIABLES).toContain(name);
    }
  });

  test('what there are several of is spread, and has a disruption budget that means it', () => {
    for (const { spec, metadata } of of<Workload & { replicas: number }>('Deployment')) {
      const { topologySpreadConstraints = [] } = spec.template.spec;
      expect(topologySpreadConstraints.map(({ topologyKey }) => topologyKey)).toEqual([
        'topology.kubernetes.io/zone',
        'kubernetes.io/hostname',
      ]);
      for (const { labelSelector } of topologySpreadConstraints) expect(labelSelector).toEqual(spec.selector);
      const budget = named<Workload | undefined>('PodDisruptionBudget', metadata.name);
      expect(budget?.selector).toEqual(spec.replicas > 1 ? spec.selector : undefined);
    }
  });

  test('tokens are issued by the part that is deployed, and syncs are sent to the API that is', () => {
    const issuer = of('ConfigMap')[0]?.data?.['SUBSCRIPTION_PORTAL_URL'] ?? '';
    const cdot = named<Workload>('Deployment', 'provisioner-cdot').template.spec.containers[0];
    const api = cdot?.env.find(({ name }) => name === 'PROVISION_API_URL')?.value ?? '';
    for (const [url, part] of [
      [issuer, 'cdot'],
      [api, 'api'],
    ] as const) {
      const { hostname, port } = new URL(url);
      const { selector, ports } = named<Ports>('Service', hostname);
      expect(selector).toEqual(labels(part));
      const target = ports.find((each) => each.port === Number(port || 80))?.targetPort;
      expect(target).toBe(served(part).called[0]);
    }
  });

  test('a release is migrated by a Job that can be applied again, and then every file of grants is carried out', () => {
    const { suspend } = named<{ suspend: boolean }>('CronJob', 'provisioner-migrate');
    expect(suspend).toBe(true);
    expect(migrate.spec.initContainers?.map(({ args }) => args)).toEqual([['migrate']]);
    const files = readdirSync(path.join(ROOT, 'deploy/sql')).filter((name) => name.endsWith('.sql'));
    const run = migrate.spec.containers.map(({ args }) => args.at(-1));
    expect(run.sort()).toEqual(files.map((name) => `/grants/${name}`).sort());
    expect(kustomizationOf('deploy/sql').configMapGenerator).toEqual([
      { name: 'provisioner-grants', files: files.sort() },
    ]);
  });

  test('kustomizations name every file, and every image by its digest', () => {
    expect(kustomizationOf(FOLDER).resources?.sort()).toEqual(manifestFiles(FOLDER).sort());
    expect(kustomizationOf(MIGRATE).resources?.sort()).toEqual(
      [...manifestFiles(MIGRATE), '../../sql'].sort(),
    );
    expect(kustomizationOf(FOLDER).components).toEqual(['images']);
    expect(kustomizationOf(MIGRATE).components).toEqual(['../images']);
    const { images = [] } = kustomizationOf(`${FOLDER}/images`);
    const used = new Set(pods.flatMap((pod) => containersOf(pod).map(({ image }) => image)));
    expect(images.map(({ name }) => name).sort()).toEqual([...used].sort());
    for (const { newTag, digest } of images) {
      expect(newTag).toBeUndefined();
      expect(digest).toMatch(/^(SET-THE-DIGEST|sha256:[0-9a-f]{64})$/);
    }
  });
});
