import { paint, type Colour } from './terminal';

export interface Cell {
  text: string;
  colour?: Colour;
}

export interface Column {
  title: string;
  /** Where lines are too long, its texts are cut, but not below so many characters. */
  min?: number;
  /** Where that does not do, columns are left out, the highest first; without a number never. */
  spare?: number;
}

const GAP = 2;

/** Cuts texts and leaves out columns until lines with aligned columns have at most `width` characters, if that is possible. */
export function fitTable(columns: readonly Column[], rows: Cell[][], width: number): [Column[], Cell[][]] {
  const natural = columns.map(({ title, spare }, index) => {
    const longest = Math.max(0, ...rows.map((row) => row[index]?.text.length ?? 0));
    return longest === 0 && spare !== undefined ? 0 : Math.max(title.length, longest);
  });
  const sizes = fit(columns, natural, width);
  const kept = <T>(entries: readonly T[]) => entries.filter((_, index) => sizes[index] !== 0);
  const cut = (cell: Cell, index: number): Cell => {
    const size = sizes[index] ?? 0;
    return cell.text.length > size ? { ...cell, text: `${cell.text.slice(0, size - 1)}…` } : cell;
  };
  return [kept(columns), rows.map((row) => kept(row.map(cut)))];
}

/** The width of each column; 0: it is left out. */
function fit(columns: readonly Column[], natural: readonly number[], width: number): number[] {
  const sizes = [...natural];
  const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);
  const excess = () => sum(sizes.map((size) => (size === 0 ? 0 : size + GAP))) - GAP - width;
  const slackOf = (size: number, index: number) => Math.max(0, size - (columns[index]?.min ?? Infinity));
  const spared = columns.flatMap(({ spare }, index) => (spare === undefined ? [] : [{ spare, index }]));
  for (const { index } of spared.sort((a, b) => b.spare - a.spare)) {
    if (excess() > sum(sizes.map(slackOf))) sizes[index] = 0;
  }
  for (const [index, size] of sizes.entries()) {
    sizes[index] = size - Math.min(Math.max(0, excess()), slackOf(size, index));
  }
  return sizes;
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
