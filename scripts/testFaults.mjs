import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';

// npm run test:faults -- --rounds 20 --seed 7
const { values } = parseArgs({ options: { rounds: { type: 'string' }, seed: { type: 'string' } } });
const rounds = values.rounds ?? '8';
const seed = values.seed ?? String(1 + Math.floor(Math.random() * 1_000_000));
console.log(`${rounds} rounds from seed ${seed}; a failing one repeats with: --rounds 1 --seed <its seed>`);
const jest = spawn('npx', ['jest', '--selectProjects=faults'], {
  stdio: 'inherit',
  env: { ...process.env, FAULT_ROUNDS: rounds, FAULT_SEED: seed },
});
jest.on('exit', (code) => process.exit(code ?? 1));
