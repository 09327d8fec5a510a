/** Marks a text up for a terminal. */
export type Colour = 'red' | 'green' | 'yellow' | 'dim' | 'bold';

export interface Cell {
  text: string;
  colour?: Colour;
}

const CODES: Record<Colour, number> = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 };

/** Text for one line of a terminal: what a server or a file says must not move the cursor. */
export function oneLine(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').trim();
}

/** Paints a text, if colours are on. */
export function paint(text: string, colour: Colour | undefined, isColoured: boolean): string {
  return isColoured && colour !== undefined ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text;
}

/** Lines with aligned columns, two spaces apart; the first row is the header. */
export function renderTable(header: string[], rows: Cell[][], isColoured: boolean): string[] {
  const all: Cell[][] = [header.map((text): Cell => ({ text, colour: 'bold' })), ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column]?.text.length ?? 0)));
  return all.map((row) =>
    row
      .map(({ text, colour }, column) => {
        const isLast = column === row.length - 1;
        const padding = isLast ? '' : ' '.repeat((widths[column] ?? 0) - text.length);
        return paint(text, colour, isColoured) + padding;
      })
      .join('  ')
      .trimEnd(),
  );
}
