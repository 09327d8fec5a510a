import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { EVENTS } from '../../../src/relay/events';
import { eventually } from '../../support/eventually';
import { describeWithRedis, startRedis, type RedisServer } from '../../support/redisServer';
import { Outbox } from './support/outbox';

describeWithRedis('jobs in the Redis of Sidekiq', () => {
  let outbox: Outbox;
  let own: Outbox | undefined;
  let redis: RedisServer;
  beforeAll(async () => {
    [outbox, redis] = await Promise.all([Outbox.create('relay_sidekiq'), startRedis()]);
    await outbox.relay({ OUTBOX_SIDEKIQ_REDIS_URL: redis.url });
  });
  afterAll(async () => {
    await Promise.all([outbox?.close(), own?.close()]);
    await redis?.stop();
  });

  const jobsOf = async (namespaceId: string) =>
    (await redis.jobs()).filter(({ args }) => JSON.stringify(args).includes(namespaceId));

  test('each event becomes the job that GitLab has for it, in order', async () => {
    const namespaceId = outbox.newNamespace();
    const n = Number(namespaceId);
    await outbox.due(
      namespaceId,
      ...['reset_seat_callouts', 'subscription_renewed', 'index_namespace', 'refresh_user_assignments'],
      ...['duo_core_enabled', 'enable_code_review_flow'],
    );
    const rows = await outbox.delivered(namespaceId);
    const jobs = await jobsOf(namespaceId);
    expect(jobs.map((job) => [job.class, job.args, job['retry']])).toEqual([
      ['Groups::ResetSeatCalloutsWorker', [n], true],
      [
        'PullMirrors::ReenableConfigurationWorker',
        ['GitlabSubscriptions::RenewedEvent', { namespace_id: n }],
        true,
      ],
      ['ElasticNamespaceIndexerWorker', [n, 'index'], 2],
      ['GitlabSubscriptions::AddOnPurchases::RefreshUserAssignmentsWorker', [n], true],
      ['GitlabSubscriptions::GitlabCom::DuoCoreTodoNotificationWorker', [n], true],
      ['GitlabSubscriptions::Duo::EnableCodeReviewFlowWorker', [n], true],
    ]);
    expect(jobs.map(({ jid }) => jid)).toEqual(rows.map(({ id }) => id.padStart(24, '0')));
    expect(rows).toMatchObject(
      rows.map(() => ({ attempts: 1, deliveries: [{ sink: 'sidekiq', attempts: 1, error: null }] })),
    );
  });

  test('a job has the form that Sidekiq gives it, and says which request it comes from', async () => {
    const namespaceId = outbox.newNamespace();
    const runId = await outbox.due(namespaceId, 'duo_core_enabled');
    await outbox.delivered(namespaceId);
    const endpoint = 'POST /api/:version/internal/gitlab_subscriptions/namespaces/:id/provision';
    const [job] = await jobsOf(namespaceId);
    expect(job).toEqual({
      class: 'GitlabSubscriptions::GitlabCom::DuoCoreTodoNotificationWorker',
      args: [Number(namespaceId)],
      retry: true,
      queue: 'default',
      jid: expect.stringMatching(/^[0-9a-f]{24}$/),
      created_at: expect.any(Number),
      enqueued_at: expect.any(Number),
      correlation_id: `request-${runId}`,
      'meta.caller_id': endpoint,
      'meta.root_caller_id': endpoint,
      'meta.feature_category': 'plan_provisioning',
    });
    expect(Math.abs(Date.now() / 1000 - Number(job?.['enqueued_at']))).toBeLessThan(60);
    expect(await redis.command('SMEMBERS', 'queues')).toEqual(['default']);
  });

  test('the queue can be set, and the way can be TLS', async () => {
    own = await Outbox.create('relay_sidekiq_queue');
    await own.relay({
      OUTBOX_SIDEKIQ_REDIS_URL: redis.tls.url,
      OUTBOX_SIDEKIQ_QUEUE: 'urgent',
      NODE_EXTRA_CA_CERTS: redis.tls.caFile,
    });
    const namespaceId = own.newNamespace();
    await own.due(namespaceId, 'index_namespace');
    await own.delivered(namespaceId);
    expect(await redis.jobs('urgent')).toMatchObject([
      { queue: 'urgent', args: [Number(namespaceId), 'index'] },
    ]);
    expect(await redis.command('SISMEMBER', 'queues', 'urgent')).toBe(1);
  });

  test('an event without a job waits for a webhook, and holds up nothing', async () => {
    const namespaceId = outbox.newNamespace();
    const jobless = Object.keys(EVENTS).filter((event) => EVENTS[event]?.job === null);
    await outbox.due(namespaceId, ...jobless, 'index_namespace');
    const rows = await eventually(async () => {
      const found = await outbox.rows(namespaceId);
      return found.at(-1)?.is_delivered && found;
    }, 'the job is pushed');
    expect(rows.filter(({ is_delivered }) => !is_delivered).map(({ event }) => event)).toEqual(jobless);
    expect(rows.flatMap(({ deliveries }) => deliveries)).toHaveLength(1);
  });

  test('nothing is delivered before it is released', async () => {
    const [early, late] = [outbox.newNamespace(), outbox.newNamespace()];
    const run = await outbox.write(early, 'index_namespace');
    await outbox.due(late, 'index_namespace');
    await outbox.delivered(late);
    expect(await jobsOf(early)).toEqual([]);
    await outbox.release(run);
    await outbox.delivered(early);
  });
});
