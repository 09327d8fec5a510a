import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';

// The versions of Node that tests/service/cli/nodeVersions.test.ts runs the service on, as npm packages.
const VERSIONS = ['18.20.8', '20.20.2', '22.23.3', '24.21.0'];
const NAME = `node-${process.platform}-${process.arch}`;

for (const version of VERSIONS) {
  const folder = path.join(import.meta.dirname, '../node_modules/.cache/node', version.split('.')[0]);
  if (existsSync(path.join(folder, 'node_modules', NAME))) continue;
  const options = [
    '--prefix',
    folder,
    '--no-save',
    '--no-package-lock',
    '--no-audit',
    '--no-fund',
    '--silent',
  ];
  execFileSync('npm', ['install', ...options, `${NAME}@${version}`], { stdio: 'inherit' });
}
