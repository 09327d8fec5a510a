import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { testEnvironment } from '../../../support/environment';

/**
 * The history of the last run of a namespace as `temporal workflow show --output json` prints it.
 * @param policy which of the two services of the global set-up ran it
 */
export function historyOf(policy: 'compensate' | 'independent', namespaceId: string): Promise<string> {
  return historyIn(testEnvironment()[policy].temporalNamespace, namespaceId);
}

/** The same of a run in any Temporal namespace. */
export async function historyIn(temporalNamespace: string, namespaceId: string): Promise<string> {
  const { temporalCli, temporalAddress } = testEnvironment();
  const { stdout } = await promisify(execFile)(
    temporalCli,
    [
      ...['workflow', 'show', '--output', 'json', '--address', temporalAddress],
      ...['--namespace', temporalNamespace, '--workflow-id', `provision:${namespaceId}`],
    ],
    { env: {}, maxBuffer: 16 * 1024 * 1024 },
  );
  return stdout;
}
