import { createRequire } from 'node:module';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

// Part of the build: compiling workflows when a worker starts would cost each start seconds.
const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

const spans = '@temporalio/interceptors-opentelemetry-v2/lib/workflow-interceptors';

/** @param workflowInterceptorModules what watches the workflows from inside */
async function bundle(file, workflowInterceptorModules) {
  const { code } = await bundleWorkflowCode({
    workflowsPath: path('../dist/workflows/index.js'),
    payloadConverterPath: path('../dist/workflows/payloadConverter.js'),
    workflowInterceptorModules,
    logger: new DefaultLogger('WARN'),
  });
  await writeFile(path(`../dist/${file}`), code);
}

await bundle('workflow-bundle.js', []);
await bundle('workflow-bundle-traced.js', [createRequire(import.meta.url).resolve(spans)]);
