import { isJsonObject, storableText } from '../domain/json';

const MAX_MESSAGE = 2_000;

/** The text that an answer gives as its reason, whichever of GitLab's two keys it uses; null: it gives none. */
export function messageOf(body: unknown): string | null {
  if (!isJsonObject(body)) return null;
  const text = [body['message'], body['error']].find((value) => typeof value === 'string');
  return text === undefined ? null : storableText(text.slice(0, MAX_MESSAGE));
}
