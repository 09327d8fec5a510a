import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parser } from '@prometheus-io/lezer-promql';
import { parse } from 'yaml';

const DEPLOY = path.join(__dirname, '../../deploy');

export interface AlertRule {
  alert: string;
  expr: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

interface RecordingRule {
  record: string;
  expr: string;
}

const isAlert = (rule: AlertRule | RecordingRule): rule is AlertRule => Object.hasOwn(rule, 'alert');

function rules(): (AlertRule | RecordingRule)[] {
  const file = readFileSync(path.join(DEPLOY, 'prometheus/alerts.yml'), 'utf8');
  const { groups } = parse(file) as { groups: { rules: (AlertRule | RecordingRule)[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

/** The alert rules of `deploy/prometheus`. */
export function alertRules(): AlertRule[] {
  return rules().filter(isAlert);
}

/** The series that the rules of `deploy/prometheus` record. */
export function recordedNames(): string[] {
  return rules().flatMap((rule) => (isAlert(rule) ? [] : [rule.record]));
}

/** The paths of what promtool is to test. */
export function alertTestFiles(): string[] {
  const folder = path.join(DEPLOY, 'prometheus/tests');
  return readdirSync(folder).map((file) => path.join(folder, file));
}

/** What the tests for promtool expect of alerts. */
export function alertTests(): { alertname: string; exp_alerts: unknown[] }[] {
  interface File {
    tests: { alert_rule_test: { alertname: string; exp_alerts: unknown[] }[] }[];
  }
  const files = alertTestFiles().map((file) => parse(readFileSync(file, 'utf8')) as File);
  return files.flatMap(({ tests }) => tests.flatMap(({ alert_rule_test }) => alert_rule_test));
}

interface Panel {
  title: string;
  targets?: { expr: string }[];
}

/** Every query of rules and the dashboard, and where it is. */
export function queries(): { where: string; expr: string }[] {
  const file = readFileSync(path.join(DEPLOY, 'grafana/dashboard.json'), 'utf8');
  const { panels } = JSON.parse(file) as { panels: Panel[] };
  return [
    ...rules().map((rule) => ({
      where: isAlert(rule) ? `alert ${rule.alert}` : `record ${rule.record}`,
      expr: rule.expr,
    })),
    ...panels.flatMap(({ title, targets = [] }) =>
      // Grafana puts a duration here.
      targets.map(({ expr }) => ({
        where: `panel ${title}`,
        expr: expr.replaceAll('$__rate_interval', '5m'),
      })),
    ),
  ];
}

/** The series that an expression asks for, by Prometheus' own grammar. @throws when it is no expression */
export function selectors(expr: string): { name: string; labels: Record<string, string> }[] {
  const found: { name: string; labels: Record<string, string> }[] = [];
  parser.parse(expr).iterate({
    enter({ type, name, from, to, node }) {
      if (type.isError) throw new Error(`no PromQL at ${from}: ${expr}`);
      if (name !== 'VectorSelector') return;
      const metric = node.getChild('Identifier');
      const matchers = [...expr.slice(from, to).matchAll(/(\w+)="([^"]*)"/g)];
      found.push({
        name: metric ? expr.slice(metric.from, metric.to) : '',
        labels: Object.fromEntries(matchers.map(([, label = '', value = '']) => [label, value])),
      });
    },
  });
  return found;
}
