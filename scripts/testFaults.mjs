import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

// npm run test:faults -- --rounds 20 --seed 7
const { values } = parseArgs({ options: { rounds: { type: 'string' }, seed: { type: 'string' } } });
const rounds = values.rounds ?? '10';
const seed = values.seed ?? String(1 + Math.floor(Math.random() * 1_000_000));
console.log(`${rounds} rounds from seed ${seed}; a failing one repeats with: --rounds 1 --seed <its seed>`);
const env = { ...process.env, FAULT_ROUNDS: rounds, FAULT_SEED: seed, INTERLEAVING_ROUNDS: '1000' };

for (const args of [
  ['--selectProjects=faults'],
  ['--selectProjects=service', '--testPathPatterns', 'model/interleaving'],
]) {
  const { status } = spawnSync('npx', ['jest', ...args], { stdio: 'inherit', env });
  if (status !== 0) process.exit(status ?? 1);
}
