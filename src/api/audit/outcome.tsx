import type { VNode } from 'preact';
import type { SectionEntry } from '../../domain/answer';
import type { Outcome } from '../../domain/sync';

type Tone = 'good' | 'bad' | 'warn' | 'plain';

const OUTCOMES: Record<Outcome['status'], { word: string; tone: Tone }> = {
  success: { word: 'applied', tone: 'good' },
  error: { word: 'refused', tone: 'bad' },
  skipped: { word: 'superseded', tone: 'plain' },
  cancelled: { word: 'cancelled', tone: 'warn' },
  failed: { word: 'failed', tone: 'bad' },
};

/** How a run ended, in one word. @param outcome null: it is running, or was terminated */
export function OutcomeBadge({ outcome }: { outcome: Outcome | null }): VNode {
  return outcome ? <Badge {...OUTCOMES[outcome.status]} /> : <Badge word="no outcome" tone="warn" />;
}

const SECTION_TONES: Record<NonNullable<SectionEntry>['status'], Tone> = {
  success: 'good',
  error: 'bad',
  rolled_back: 'warn',
  skipped: 'plain',
};

/** The result of one section, in the words of the answer (contract 2). */
export function SectionBadge({ status }: { status: NonNullable<SectionEntry>['status'] }): VNode {
  return <Badge word={status.replace('_', ' ')} tone={SECTION_TONES[status]} />;
}

export function Badge({ word, tone }: { word: string; tone: Tone }): VNode {
  return <span class={`badge ${tone}`}>{word}</span>;
}
