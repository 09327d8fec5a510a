import { writeFile } from 'node:fs/promises';
import { openApiDocument } from '../dist/api/openApi.js';

// `npm run openapi`, after a change of the schemas; a test holds that the committed file is fresh.
const file = new URL('../docs/openapi.json', import.meta.url);
await writeFile(file, `${JSON.stringify(openApiDocument(), null, 2)}\n`);
