import { readFileSync } from 'node:fs';
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

/** The alert rules of `deploy/prometheus`. */
export function alertRules(): AlertRule[] {
  const file = readFileSync(path.join(DEPLOY, 'prometheus/alerts.yml'), 'utf8');
  const { groups } = parse(file) as { groups: { rules: AlertRule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

interface Panel {
  title: string;
  targets?: { expr: string }[];
}

/** Every query of alerts and the dashboard, and where it is. */
export function queries(): { where: string; expr: string }[] {
  const file = readFileSync(path.join(DEPLOY, 'grafana/dashboard.json'), 'utf8');
  const { panels } = JSON.parse(file) as { panels: Panel[] };
  return [
    ...alertRules().map(({ alert, expr }) => ({ where: `alert ${alert}`, expr })),
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
