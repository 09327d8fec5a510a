/** Where a command writes. */
export interface Terminal {
  /** A line of the result, to standard output. */
  print(line: string): void;
  /** A line about what is going on, to standard error. */
  progress(line: string): void;
  /** Whether the result may have colours. */
  isColoured: boolean;
  /** How many characters fit into a line of the result; null: it is no terminal that reads it. */
  width: number | null;
}

/** This process' terminal: colours only when a person reads, and only if `NO_COLOR` (no-color.org) is not set. */
export function processTerminal(environment: NodeJS.ProcessEnv): Terminal {
  return {
    print: (line) => void process.stdout.write(`${line}\n`),
    progress: (line) => void process.stderr.write(`${line}\n`),
    isColoured: process.stdout.isTTY && !environment['NO_COLOR'],
    width: (process.stdout.isTTY && process.stdout.columns) || null,
  };
}
