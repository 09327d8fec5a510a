import { execFile, spawn, type ChildProcessByStdio } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { promisify } from 'node:util';

const call = async (program: string, ...args: string[]) =>
  (await promisify(execFile)(program, args, { maxBuffer: 1e7 })).stdout.trim();

/** What an image says about how it is to be run. */
interface ImageConfig {
  User: string;
  Env: string[];
  Entrypoint: string[];
  Cmd: string[];
  WorkingDir: string;
  ExposedPorts: Record<string, object>;
  Healthcheck: { Test: string[] };
}

/** An image whose files are mounted. */
export interface MountedImage {
  root: string;
  config: ImageConfig;
  unmount(): Promise<void>;
}

/** @param name of an image that `buildah images` lists */
export async function mountImage(name: string): Promise<MountedImage> {
  const { Docker } = JSON.parse(await call('buildah', 'inspect', '--type', 'image', name)) as {
    Docker: { config: ImageConfig };
  };
  const container = await call('buildah', 'from', name);
  const root = await call('buildah', 'mount', container);
  return {
    root,
    config: Docker.config,
    unmount: async () => {
      await call('buildah', 'umount', container);
      await call('buildah', 'rm', container);
    },
  };
}

interface Bundle {
  process: Record<string, unknown>;
  root: object;
  mounts: object[];
  linux: { namespaces: { type: string }[]; resources: object };
}

export const MEMORY_LIMIT = 1024 ** 3;

export interface Command {
  /** Instead of the image's CMD. */
  args: string[];
  /** Instead of the image's ENTRYPOINT. */
  entrypoint?: string[];
  env?: Record<string, string>;
  /** What it reads from standard input. */
  input?: string;
  /** A folder of this machine that is its /data, for what has to outlive it; else that is memory. */
  data?: string;
}

/**
 * Runs a command of an image in a container, as deploy/ has it: with the image's user and environment, a root that cannot
 * be written, no capabilities, and a limit of memory. The network is that of this machine.
 * @param folder of the container's own, to be made; its name is the container's
 */
export async function startContainer(
  { root, config }: MountedImage,
  folder: string,
  { args, entrypoint = config.Entrypoint, env = {}, input = '', data }: Command,
): Promise<ChildProcessByStdio<Writable, Readable, Readable>> {
  await mkdir(folder);
  await call('runc', 'spec', '--bundle', folder);
  const file = path.join(folder, 'config.json');
  const bundle = JSON.parse(await readFile(file, 'utf8')) as Bundle;
  const [uid, gid] = config.User.split(':').map(Number);
  Object.assign(bundle.process, {
    ...{ terminal: false, user: { uid, gid }, noNewPrivileges: true, cwd: config.WorkingDir },
    args: [...entrypoint, ...args],
    env: [...config.Env, ...Object.entries(env).map(([name, value]) => `${name}=${value}`)],
    capabilities: { bounding: [], effective: [], inheritable: [], permitted: [], ambient: [] },
  });
  bundle.root = { path: root, readonly: true };
  const memory = { type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'nodev', `uid=${uid}`, `gid=${gid}`] };
  const kept = data !== undefined && { type: 'bind', source: data, options: ['rbind', 'rw'] };
  bundle.mounts.push({ destination: '/tmp', ...memory }, { destination: '/data', ...(kept || memory) });
  bundle.linux.namespaces = bundle.linux.namespaces.filter(({ type }) => type !== 'network');
  bundle.linux.resources = { memory: { limit: MEMORY_LIMIT } };
  await writeFile(file, JSON.stringify(bundle));
  const child = spawn('runc', ['run', '--bundle', folder, path.basename(folder)]);
  child.stdin.end(input);
  return child;
}
