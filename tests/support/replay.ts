import path from 'node:path';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils';
import { DefaultLogger, makeTelemetryFilterString, Runtime, Worker } from '@temporalio/worker';

// Each replay is a worker that starts and stops, and says so; some are to fail, which it says, too.
Runtime.install({
  logger: new DefaultLogger('ERROR'),
  telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' }) } },
});

const BUNDLE = path.join(__dirname, '../../dist/workflow-bundle.js');

/** Replays a recorded history on the built workflow code. @returns why that failed, or null */
export async function replay(json: string, codePath = BUNDLE): Promise<string | null> {
  const history = historyFromJSON(JSON.parse(json));
  const started = history.events?.[0]?.workflowExecutionStartedEventAttributes;
  try {
    await Worker.runReplayHistory(
      { workflowBundle: { codePath } },
      history,
      started?.workflowId ?? 'replayed',
    );
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}
