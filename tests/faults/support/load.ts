import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer } from '../../../src/domain/answer';
import { openSigningKeys } from '../../../src/issuer/keys';
import { signToken } from '../../../src/issuer/token';
import { provisionPath } from '../../support/client';
import { fullSync } from '../../support/syncs';
import type { Random } from './random';

/** A sync that was sent until it had a final answer. */
export interface SentSync {
  namespaceId: string;
  syncId: number;
  /** Whether the rules let it pass. */
  isValid: boolean;
  status: number;
  body: Answer;
  runId: string | null;
  /** Milliseconds that the slowest try took. */
  slowestMs: number;
  tries: number;
}

/** Where syncs are sent to. */
interface Recipient {
  apiUrl: string;
  /** Holds the keys of the tokens' issuer. */
  apiDataDir: string;
}

/** Posts like CustomersDot does: what is not a final answer is sent again. */
export class Sender {
  private constructor(
    private readonly recipient: Recipient,
    private readonly token: () => Promise<string>,
    private readonly random: Random,
  ) {}

  static async to(recipient: Recipient, issuer: string, random: Random): Promise<Sender> {
    const keys = openSigningKeys(recipient.apiDataDir);
    return new Sender(recipient, async () => signToken(await keys(), { issuer }), random);
  }

  /** Sends a sync until it is answered 200, 409 or 422. @throws when it is answered with anything but 5XX else */
  async send(namespaceId: string, syncId: number, isValid: boolean): Promise<SentSync> {
    const provision = fullSync(syncId);
    if (!isValid) provision.storage.additional_purchased_storage_size = -1;
    const body = JSON.stringify({ sync_id: syncId, provision });
    let slowestMs = 0;
    for (let tries = 1; ; tries += 1) {
      const begun = Date.now();
      const answer = await this.post(namespaceId, body).catch(() => null);
      slowestMs = Math.max(slowestMs, Date.now() - begun);
      if (answer && [200, 409, 422].includes(answer.status)) {
        const parsed = JSON.parse(answer.text) as Answer;
        const { status, runId } = answer;
        return { namespaceId, syncId, isValid, status, runId, body: parsed, slowestMs, tries };
      }
      if (answer && answer.status !== 503) {
        throw new Error(`sync ${syncId} of namespace ${namespaceId}: ${answer.status} ${answer.text}`);
      }
      if (tries > 400) throw new Error(`sync ${syncId} of namespace ${namespaceId} has had no answer`);
      await sleep(this.random.between(50, 400));
    }
  }

  private async post(namespaceId: string, body: string) {
    const response = await fetch(this.recipient.apiUrl + provisionPath(namespaceId), {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-customers-dot-internal-token': await this.token(),
      },
      body,
      signal: AbortSignal.timeout(15_000), // the API's own wait is 10 s; a half-open way may hold the rest
    });
    return {
      status: response.status,
      text: await response.text(),
      runId: response.headers.get('x-provision-run-id'),
    };
  }
}

/**
 * A namespace's syncs of one round: growing ids, some sent twice at once, some overlapping with the next, some
 * sent late, some that the rules refuse.
 */
export async function playNamespace(
  sender: Sender,
  namespaceId: string,
  firstSyncId: number,
  count: number,
  random: Random,
): Promise<SentSync[]> {
  const sent: SentSync[] = [];
  for (let syncId = firstSyncId; syncId < firstSyncId + count; syncId += 1) {
    const isValid = random.next() > 0.15;
    const chance = random.next();
    const together = [sender.send(namespaceId, syncId, isValid)];
    if (chance < 0.2) together.push(sender.send(namespaceId, syncId, isValid));
    else if (chance < 0.4) together.push(sender.send(namespaceId, (syncId += 1), true));
    else if (chance < 0.5 && syncId > firstSyncId) together.push(sender.send(namespaceId, syncId - 1, true));
    sent.push(...(await Promise.all(together)));
  }
  return sent;
}
