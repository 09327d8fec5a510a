import { withoutCredentials } from './withoutCredentials';

/** Why a call of `fetch` failed, without credentials. It says only `fetch failed` itself; the reason is its cause. */
export function fetchFailure(error: unknown): string {
  const { cause } = error as { cause?: unknown };
  const reason = cause instanceof Error ? cause : (error as Error);
  const code = (reason as { code?: unknown }).code;
  return withoutCredentials(reason.message || (typeof code === 'string' ? code : String(error)));
}
