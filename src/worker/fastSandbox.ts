import { promiseHooks } from 'node:v8';
import { Script } from 'node:vm';
import { isMainThread } from 'node:worker_threads';

/*
 * To be preloaded, not imported: `node --require ./dist/worker/fastSandbox.js …` (docs/scaling.md). It takes two aids
 * for people who debug workflows out of the SDK's sandbox, because they cost more than our workflow itself:
 * - each call into the sandbox is watched by a thread of its own, which ends code that does not yield. Ours has no
 *   loop that waits for something;
 * - each promise is given a stack trace, for the query `__stack_trace`. It answers nothing with this preload.
 */
if (!isMainThread) {
  const { runInContext } = Script.prototype;
  Script.prototype.runInContext = function (context, options) {
    return runInContext.call(this, context, { ...options, timeout: undefined }) as unknown;
  };
  promiseHooks.createHook = () => () => undefined;
}
