/** Marks a text up for a terminal. */
export type Colour = 'red' | 'green' | 'yellow' | 'dim' | 'bold';

/** Where a command writes. */
export type Terminal = ReturnType<typeof processTerminal>;

/** This process' terminal: colours only when a person reads, and only if `NO_COLOR` (no-color.org) is not set. */
export function processTerminal(environment: NodeJS.ProcessEnv) {
  const { isTTY, columns } = process.stdout;
  return {
    /** A line of the result, to standard output. */
    print: (line: string): void => void process.stdout.write(`${line}\n`),
    /** A line about progress, to standard error. */
    progress: (line: string): void => void process.stderr.write(`${line}\n`),
    /** Whether the result may have colours. */
    isColoured: isTTY && !environment['NO_COLOR'],
    /** How many characters fit into a line of the result; null: the output is no terminal. */
    width: (isTTY && columns) || null,
  };
}

const CODES: Record<Colour, number> = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 };

/** Text for one line of a terminal: text of a server or a file must not move the cursor. */
export function oneLine(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').trim();
}

/** Paints a text, if colours are on. */
export function paint(text: string, colour: Colour | undefined, isColoured: boolean): string {
  return isColoured && colour !== undefined ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text;
}
