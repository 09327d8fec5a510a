import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Job, JobResult } from './job';
import { fullSync, NAMESPACES, SUCCESS } from './syncs';
import { provisionPath } from '../../src/wire/endpoint';

// The load generator, a process of its own: what it costs is not charged to a contender.
process.on('message', (job: Job) => {
  run(job).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});

async function run(job: Job): Promise<JobResult> {
  // Not kept for the next job: the contender closes connections that are idle for long, maybe as a sync is sent.
  const agent = new Agent({ keepAlive: true });
  const latencies: number[] = [];
  const begun = performance.now();
  const enough = 'syncs' in job.until ? job.until.syncs : Infinity;
  const end = 'seconds' in job.until ? begun + job.until.seconds * 1000 : Infinity;
  let sent = 0;
  // The n-th sync goes to the n-th namespace; a caller takes every so many-th, so that no two callers meet at one.
  const send = async (n: number, intended: number) => {
    await post(agent, job, NAMESPACES.first + (n % NAMESPACES.count), job.firstSync + n);
    latencies.push(performance.now() - intended);
  };
  if ('callers' in job.load) {
    const { callers } = job.load;
    await Promise.all(
      Array.from({ length: callers }, async (_, caller) => {
        for (let n = caller; performance.now() < end && sent < enough; n += callers) {
          sent++;
          await send(n, performance.now());
        }
      }),
    );
  } else {
    const running: Promise<void>[] = [];
    for (; sent < enough; sent++) {
      const intended = begun + (sent * 1000) / job.load.perSecond;
      if (intended >= end) break;
      await sleep(Math.max(0, intended - performance.now()));
      running.push(send(sent, intended));
    }
    await Promise.all(running);
  }
  agent.destroy();
  return { latencies, seconds: (performance.now() - begun) / 1000 };
}

/** Sends a sync. @throws unless it is answered as applied */
function post(agent: Agent, { url, token }: Job, namespaceId: number, n: number): Promise<void> {
  const body = JSON.stringify(fullSync(n));
  return new Promise((resolve, reject) => {
    const sent = request(
      url + provisionPath(String(namespaceId)),
      {
        method: 'POST',
        agent,
        headers: {
          'x-customers-dot-internal-token': token,
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
        },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => {
          if (response.statusCode === 200 && text === SUCCESS) resolve();
          else reject(new Error(`sync ${n} was answered ${response.statusCode}: ${text}`));
        });
        response.on('error', reject);
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}
