/**
 * A text without the user and password of the URLs in it. Texts of errors that libraries make may quote whole URLs, so
 * none is logged, stored or shown as it comes. Rather too much is cut than too little: a password may hold anything but
 * the characters that end this part of a URL.
 */
export function withoutCredentials(text: string): string {
  return text.replace(/:\/\/[^/?#\\\n]*@/g, '://');
}

/** Why a call of `fetch` failed, without credentials. It says only `fetch failed` itself; the reason is its cause. */
export function fetchFailure(error: unknown): string {
  const { cause } = error as { cause?: unknown };
  const reason = cause instanceof Error ? cause : (error as Error);
  const code = (reason as { code?: unknown }).code;
  return withoutCredentials(reason.message || (typeof code === 'string' ? code : String(error)));
}
