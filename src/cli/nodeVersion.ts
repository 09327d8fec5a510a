// Loaded before anything else, by whatever Node there is: plain syntax, no imports.

const RECOMMENDED = 24;

/** Whether the service runs on a version of Node: it loads ES modules with `require`. */
export function isSupported(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22;
}

/** What to say at the start about a version that gets no fixes any more; null: nothing. */
export function endOfLifeNotice(version: string): string | null {
  const major = Number(version.split('.')[0]);
  return major > 20 ? null : `Node ${version} is past its end of life: use Node ${RECOMMENDED}`;
}

if (!isSupported(process.versions.node)) {
  process.stderr.write(
    `provisioner: Node ${process.versions.node} is too old: it takes Node 20.19, 22.12 or newer; use Node ${RECOMMENDED}\n`,
  );
  process.exit(1);
}
