import { readdirSync } from 'node:fs';
import path from 'node:path';
import { PodMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitor';
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { CronJob } from 'kubernetes-models/batch/v1/CronJob';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap';
import { PersistentVolumeClaim } from 'kubernetes-models/v1/PersistentVolumeClaim';
import { Service } from 'kubernetes-models/v1/Service';
import { parse, parseAllDocuments } from 'yaml';
import { read, ROOT } from './sources';

const MODELS = {
  ...{ ConfigMap, CronJob, Deployment, NetworkPolicy, PersistentVolumeClaim },
  ...{ PodDisruptionBudget, PodMonitor, Service },
} as Record<string, { prototype: { validate(): void } }>;

export interface Manifest<Spec = unknown> {
  kind: string;
  metadata: { name: string };
  data?: Record<string, string>;
  spec: Spec;
}

export interface Container {
  name: string;
  image: string;
  args: string[];
  env: { name: string; value?: string }[];
  ports?: { name: string; containerPort: number }[];
  securityContext: object;
  resources: object;
  [probe: `${string}Probe`]: { httpGet: { path: string; port: string } };
}

export interface PodSpec {
  terminationGracePeriodSeconds?: number;
  securityContext: object;
  topologySpreadConstraints?: { topologyKey: string; labelSelector: { matchLabels: object } }[];
  initContainers?: Container[];
  containers: Container[];
}

/** What `deploy/kubernetes` or a folder in it would create, kustomizations aside. */
export function manifestsIn(folder: string): Manifest[] {
  return manifestFiles(folder).flatMap((file) =>
    parseAllDocuments(read(path.join(folder, file))).map((document) => document.toJS() as Manifest),
  );
}

/** The names of the files in a folder that hold manifests. */
export function manifestFiles(folder: string): string[] {
  const files = readdirSync(path.join(ROOT, folder)).filter((name) => name.endsWith('.yaml'));
  return files.filter((name) => name !== 'kustomization.yaml');
}

export interface Kustomization {
  resources?: string[];
  components?: string[];
  images?: { name: string; newName: string; newTag?: string; digest?: string }[];
  configMapGenerator?: { name: string; files: string[] }[];
}

export function kustomizationOf(folder: string): Kustomization {
  return parse(read(path.join(folder, 'kustomization.yaml'))) as Kustomization;
}

/**
 * Holds a manifest against the schema of its kind.
 * @returns what is wrong: what the schema refuses, and each key that it never looked at, as Kubernetes does not know it
 */
export function faultsOf(manifest: Manifest): string[] {
  const Model = MODELS[manifest.kind];
  if (!Model) return [`no schema for ${manifest.kind}`];
  const known = new Set<string>();
  try {
    Model.prototype.validate.call(watched(manifest, '', known)); // a model of its own would read it all
  } catch (error) {
    return [(error as Error).message];
  }
  return pathsIn(manifest, '').filter((key) => !known.has(key));
}

/** A view of a value that notes the paths which are read. */
function watched<T extends object>(value: T, at: string, known: Set<string>): T {
  return new Proxy(value, {
    get(target, key) {
      const each: unknown = Reflect.get(target, key);
      known.add(`${at}/${String(key)}`);
      return typeof each === 'object' && each !== null ? watched(each, `${at}/${String(key)}`, known) : each;
    },
  });
}

function pathsIn(value: unknown, at: string): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) => [`${at}/${key}`, ...pathsIn(each, `${at}/${key}`)]);
}
