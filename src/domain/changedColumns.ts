import type { ColumnValues } from './plan';

/** Those of `values` that the row does not hold already; empty when everything is stored (contract 4). */
export function changedColumns(row: ColumnValues, values: ColumnValues): ColumnValues {
  return Object.fromEntries(Object.entries(values).filter(([column, value]) => row[column] !== value));
}
