import type { VNode } from 'preact';
import type { AuditedStep } from '../../db/auditRuns';
import type { Change } from '../../domain/sync';
import { Table, Time } from './page';

type Value = string | number | boolean | null | undefined;

/** What one step changed, row by row and column by column, and whether that was undone. */
export function StepDiff({ step }: { step: AuditedStep }): VNode {
  const { changes, undoneAt, undo } = step;
  return (
    <section class="step">
      <h4>
        <code>{step.step}</code>
      </h4>
      {undoneAt !== null && (
        <p class="undone">
          {changes.length === 0 ? 'Stopped before it took effect' : 'Undone'}: <Time at={undoneAt} />
        </p>
      )}
      {changes.length === 0 && undoneAt === null && <p>Everything was stored already.</p>}
      {changes.map((change) => (
        <RowDiff change={change} fate={undo && fateOf(change, undo)} />
      ))}
    </section>
  );
}

/** What its compensation did to a row. */
function fateOf(
  { section, table, key, before }: Change,
  { restored, entries }: NonNullable<AuditedStep['undo']>,
): string {
  if (restored.some((row) => row.table === table && row.key === key)) {
    return before === null ? 'removed again' : 'put back';
  }
  const entry = entries[section];
  return entry?.status === 'error' ? entry.message : 'left as it was';
}

function RowDiff({ change, fate }: { change: Change; fate: string | null }): VNode {
  const { table, key, before, section } = change;
  const name = `${table} ${key}`;
  return (
    <Table
      name={name}
      caption={
        <>
          <code>{name}</code> {before === null ? 'inserted' : 'updated'} for <code>{section}</code>
          {fate !== null && <strong class="fate">{fate}</strong>}
        </>
      }
      head={['Column', 'Before', 'After']}
    >
      {changedColumns(change).map(([column, from, to]) => (
        <tr>
          <th scope="row">{column}</th>
          <td>{from === undefined ? '' : <del>{shown(from)}</del>}</td>
          <td>
            <ins>{shown(to)}</ins>
          </td>
        </tr>
      ))}
    </Table>
  );
}

/** The columns that a change is about: of an inserted row, those that hold something. */
function changedColumns({ before, after }: Change): [column: string, from: Value, to: Value][] {
  return Object.entries(after ?? {})
    .map(([column, to]): [string, Value, Value] => [column, before?.[column], to])
    .filter(([, from, to]) => (before === null ? to !== null : from !== to))
    .sort(([one], [other]) => Number(isTime(one)) - Number(isTime(other)) || (one < other ? -1 : 1));
}

/** Times say less than what they are the times of: they come last. */
function isTime(column: string): boolean {
  return column.endsWith('_at');
}

function shown(value: Value): string {
  return value === null || value === undefined ? 'NULL' : String(value);
}
