/**
 * Makes the target of a request what the router reads: a path and a query. A target in absolute form
 * (`http://host/path`, RFC 9112 3.2.2) is reduced to these, whatever its scheme and host are; one without a path, or
 * that is none (`*`), gets the path of the root.
 */
export function originForm(target: string): string {
  if (target.startsWith('/')) return target;
  const rest = /^[a-z][a-z\d+.-]*:\/\/[^/?#]*(.*)$/i.exec(target)?.[1] ?? '';
  return rest.startsWith('/') ? rest : `/${rest}`;
}
