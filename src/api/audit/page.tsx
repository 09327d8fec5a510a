import type { ComponentChildren, VNode } from 'preact';
import { renderToString } from 'preact-render-to-string';

const ICON =
  'data:image/svg+xml,%3Csvg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"%3E%3Cpath d="M1 7V4h2v3zm3 0V1h2v6z" fill="%236b4fbb"/%3E%3C/svg%3E';

/** A whole page with a search field. Everything in it is escaped by Preact. @param title plain text */
export function renderPage(title: string, content: ComponentChildren): string {
  const page = (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>{`${title} · Namespace audit`}</title>
        <link rel="stylesheet" href="/-/audit.css" />
        <link rel="icon" href={ICON} />
      </head>
      <body>
        <a class="skip" href="#content">
          Skip to the content
        </a>
        <header class="top">
          <nav aria-label="Site">
            <a href="/namespaces">Namespace audit</a>
          </nav>
          <form role="search" action="/namespaces" method="get">
            <label for="q">Id or full path</label>
            <input id="q" name="q" type="search" maxlength={255} required autocomplete="off" />
            <button>Open</button>
          </form>
        </header>
        <main id="content" tabindex={-1}>
          {content}
        </main>
      </body>
    </html>
  );
  return `<!doctype html>${renderToString(page)}`;
}

/** A time as PostgreSQL prints it in UTC, to the second; exact in its attribute. */
export function Time({ at }: { at: string }): VNode {
  return <time datetime={isoOf(at)}>{at.slice(0, 19)} UTC</time>;
}

/** `2026-02-13 10:20:30.123456+00` in the form of ISO 8601, which JavaScript can read. */
export function isoOf(at: string): string {
  return at.replace(' ', 'T').replace(/\+00$/, 'Z');
}

/** A table that scrolls by itself where the page is too narrow for it; by keyboard, too. */
export function Table(props: {
  caption: ComponentChildren;
  name: string;
  head: string[];
  children: ComponentChildren;
}): VNode {
  return (
    <div class="scroll" role="group" aria-label={props.name} tabindex={0}>
      <table>
        <caption>{props.caption}</caption>
        <thead>
          <tr>
            {props.head.map((title) => (
              <th scope="col">{title}</th>
            ))}
          </tr>
        </thead>
        <tbody>{props.children}</tbody>
      </table>
    </div>
  );
}

/** A list of terms and their values. */
export function Facts({ facts }: { facts: Record<string, ComponentChildren> }): VNode {
  return (
    <dl>
      {Object.entries(facts).map(([term, value]) => (
        <div>
          <dt>{term}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
