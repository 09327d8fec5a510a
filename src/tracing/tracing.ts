import {
  context,
  diag,
  DiagLogLevel,
  propagation,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import type { ClientInterceptors } from '@temporalio/client';
import {
  makeWorkflowExporter,
  OpenTelemetryActivityInboundInterceptor,
  OpenTelemetryActivityOutboundInterceptor,
  OpenTelemetryWorkflowClientInterceptor,
} from '@temporalio/interceptors-opentelemetry-v2';
import type { ActivityInterceptorsFactory, InjectedSinks } from '@temporalio/worker';
import type { RequestHandler } from 'express';
import type { Logger } from 'pino';

/** Sends spans to OpenTelemetry: of the request, its run, and the run's activities. */
export interface Tracing {
  /** Makes a span of each request that comes by; it belongs to the caller's trace if `traceparent` names one. */
  request: RequestHandler;
  client: ClientInterceptors;
  activity: ActivityInterceptorsFactory;
  /** Takes the spans out of the workflow sandbox. */
  sinks: InjectedSinks<never>;
  /** Sends what has not been sent. */
  stop(): Promise<void>;
}

/**
 * Starts tracing, once per process. Exporter, sampler and limits read the standard variables `OTEL_…` themselves.
 * Import this file only where tracing is wanted: it loads the SDK of OpenTelemetry.
 */
export function startTracing(log: Logger): Tracing {
  const warn = (reason: string) => log.warn({ reason: reason.slice(0, 500) }, 'OpenTelemetry has trouble');
  const silent = () => undefined;
  diag.setLogger({ error: warn, warn, info: silent, debug: silent, verbose: silent }, DiagLogLevel.WARN);
  const resource = defaultResource()
    .merge(resourceFromAttributes({ 'service.name': 'namespace-provisioner' }))
    .merge(detectResources({ detectors: [envDetector] }));
  const processor = new BatchSpanProcessor(new OTLPTraceExporter());
  const provider = new NodeTracerProvider({ resource, spanProcessors: [processor] });
  provider.register();
  return {
    request: traceRequest,
    client: { workflow: [new OpenTelemetryWorkflowClientInterceptor()] },
    activity: (ctx) => ({
      inbound: new OpenTelemetryActivityInboundInterceptor(ctx),
      outbound: new OpenTelemetryActivityOutboundInterceptor(ctx),
    }),
    sinks: { exporter: makeWorkflowExporter(processor, resource) } as unknown as InjectedSinks<never>,
    stop: () => provider.shutdown(),
  };
}

const traceRequest: RequestHandler = (req, res, next) => {
  const caller = propagation.extract(context.active(), req.headers);
  const route = (req.route as { path: string }).path;
  const attributes = {
    'http.request.method': req.method,
    'http.route': route,
    correlation_id: res.locals['requestId'] as string,
  };
  const span = trace
    .getTracer('namespace-provisioner')
    .startSpan(`${req.method} ${route}`, { kind: SpanKind.SERVER, attributes }, caller);
  res.on('close', () => {
    span.setAttribute('http.response.status_code', res.statusCode);
    if (res.statusCode >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end();
  });
  context.with(trace.setSpan(caller, span), next);
};
