import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

const ROOT = path.join(__dirname, '../../../..');

/** What a change does to one file of `src/workflows`: what to look for, and what to put there. */
export interface Edit {
  file: string;
  find: string;
  replace: string;
}

/** A bundle of workflow code that was changed in a copy; `remove` deletes the copy. */
export interface ChangedWorkflows {
  bundle: string;
  remove(): Promise<void>;
}

/** Makes `edits` in a copy of the workflow code and bundles it as the build does. */
export async function changedWorkflows(edits: Edit[]): Promise<ChangedWorkflows> {
  const directory = await mkdtemp(path.join(tmpdir(), 'workflows-'));
  for (const part of ['workflows', 'domain']) {
    await cp(path.join(ROOT, 'src', part), path.join(directory, part), { recursive: true });
  }
  await symlink(path.join(ROOT, 'node_modules'), path.join(directory, 'node_modules'));
  for (const { file, find, replace } of edits) {
    const edited = path.join(directory, 'workflows', file);
    const code = await readFile(edited, 'utf8');
    if (code.split(find).length !== 2) throw new Error(`${file} does not hold this once: ${find}`);
    await writeFile(
      edited,
      code.replace(find, () => replace),
    );
  }
  const { code } = await bundleWorkflowCode({
    workflowsPath: path.join(directory, 'workflows/index.ts'),
    payloadConverterPath: path.join(directory, 'workflows/payloadConverter.ts'),
    logger: new DefaultLogger('ERROR'),
  });
  const bundle = path.join(directory, 'bundle.js');
  await writeFile(bundle, code);
  return { bundle, remove: () => rm(directory, { recursive: true }) };
}

/** The worked example of docs/changing-workflow-code.md: a further activity when the steps are done. */
const NEW_STEP = `await execute('announceOutcome', 'Announce the outcome', [saga.run]);`;
const BEFORE = '  const outcome = await settle(saga, ending);';

const addStep = (code: string): Edit[] => [
  { file: 'provisionNamespace.ts', find: BEFORE, replace: `  ${code}\n${BEFORE}` },
];

/** As one would write it in a hurry: breaks runs that are open while it is deployed. */
export const NAIVE = addStep(NEW_STEP);

/** Guarded: runs that came past this place before take the old way, new ones the new way. */
export const GUARDED: Edit[] = [
  ...addStep(`if (patched('announce-outcome')) ${NEW_STEP}`),
  { file: 'provisionNamespace.ts', find: 'import {\n', replace: 'import {\n  patched,\n' },
];

/** The next release but one, when no open run is older than the guard: the old way is gone, its name is kept. */
export const DEPRECATED: Edit[] = [
  ...addStep(`deprecatePatch('announce-outcome');\n  ${NEW_STEP}`),
  { file: 'provisionNamespace.ts', find: 'import {\n', replace: 'import {\n  deprecatePatch,\n' },
];
