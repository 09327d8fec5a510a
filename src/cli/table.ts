/** Marks a text up for a terminal. */
export type Colour = 'red' | 'green' | 'yellow' | 'dim' | 'bold';

export interface Cell {
  text: string;
  colour?: Colour;
}

export interface Column {
  title: string;
  /** Where the line is too short, its texts are cut, but not below so many characters. */
  min?: number;
  /** Where that does not do, columns are left out, the highest first; without a number never. */
  spare?: number;
}

const CODES: Record<Colour, number> = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 };
const GAP = 2;

/** Text for one line of a terminal: what a server or a file says must not move the cursor. */
export function oneLine(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').trim();
}

/** Paints a text, if colours are on. */
export function paint(text: string, colour: Colour | undefined, isColoured: boolean): string {
  return isColoured && colour !== undefined ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text;
}

/**
 * Lines with aligned columns, two spaces apart, under a header.
 * @param width characters that a line may have; null: any number
 */
export function renderTable(
  columns: readonly Column[],
  rows: Cell[][],
  isColoured: boolean,
  width: number | null,
): string[] {
  const all = [columns.map(({ title }): Cell => ({ text: title, colour: 'bold' })), ...rows];
  const natural = columns.map((_, column) => Math.max(...all.map((row) => row[column]?.text.length ?? 0)));
  const widths = width === null ? natural : fit(columns, natural, width);
  return all.map((row) =>
    row
      .flatMap(({ text, colour }, column) => {
        const size = widths[column] ?? 0;
        if (size === 0) return [];
        const cut = text.length > size ? `${text.slice(0, size - 1)}…` : text;
        return [paint(cut, colour, isColoured) + ' '.repeat(size - cut.length)];
      })
      .join(' '.repeat(GAP))
      .trimEnd(),
  );
}

/** The widths with which a line fits, as far as that is possible; 0: the column is left out. */
function fit(columns: readonly Column[], natural: readonly number[], width: number): number[] {
  const widths = [...natural];
  const sum = (sizes: number[]) => sizes.reduce((total, size) => total + size, 0);
  const excess = () => sum(widths.map((size) => (size === 0 ? 0 : size + GAP))) - GAP - width;
  const slackOf = (size: number, index: number) => Math.max(0, size - (columns[index]?.min ?? Infinity));
  const spared = columns.flatMap(({ spare }, index) => (spare === undefined ? [] : [{ spare, index }]));
  for (const { index } of spared.sort((a, b) => b.spare - a.spare)) {
    if (excess() > sum(widths.map(slackOf))) widths[index] = 0;
  }
  for (const [index, size] of widths.entries()) {
    widths[index] = size - Math.min(Math.max(0, excess()), slackOf(size, index));
  }
  return widths;
}
