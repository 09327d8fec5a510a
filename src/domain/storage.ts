import { changedColumns } from './changedColumns';
import type { ColumnValues, SectionPlan, Write } from './plan';
import type { Storage } from './provision';
import { rangeMessage } from './ranges';

/** What planStorage needs to know of the database. */
export interface StorageState {
  namespace_id: string;
  /** The namespace's row of `namespace_limits` (MiB as int8 text, date); null when there is none yet. */
  row: {
    additional_purchased_storage_size: string;
    additional_purchased_storage_ends_on: string | null;
  } | null;
}

/**
 * What `storage` does to the limits of a namespace (contract 4.2); the row is built if missing. Refused: messages
 * only. Values that are all stored already: no writes. It has no follow-up work.
 */
export function planStorage(attrs: Storage, { namespace_id, row }: StorageState): SectionPlan {
  const { additional_purchased_storage_size: sentSize, ...endsOn } = attrs;
  const size = sentSize === undefined ? Number(row?.additional_purchased_storage_size ?? 0) : sentSize;
  const messages = sizeMessages(size);
  if (messages.length > 0) return { messages, writes: [], followUps: [] };

  const sent: ColumnValues = { ...endsOn };
  if (sentSize !== undefined || row === null) sent['additional_purchased_storage_size'] = String(size);
  if (row === null) {
    const values = { namespace_id, ...sent };
    return { messages, writes: [{ table: 'namespace_limits', key: null, values }], followUps: [] };
  }
  const values = changedColumns(row, sent);
  const writes: Write[] =
    Object.keys(values).length === 0 ? [] : [{ table: 'namespace_limits', key: { namespace_id }, values }];
  return { messages, writes, followUps: [] };
}

function sizeMessages(size: number | null): string[] {
  const name = 'Namespace limit additional purchased storage size';
  if (size === null) return [`${name} can't be blank`];
  const message = rangeMessage(name, size, Number.MAX_SAFE_INTEGER);
  return message === null ? [] : [message];
}
