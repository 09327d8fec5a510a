import { provisionJsonSchema } from '../domain/provision';
import { SECTIONS } from '../domain/sections';
import { provisionPath } from '../wire/endpoint';
import { PROBLEMS, type ProblemBody } from './problems';

/** The schema of an answer that is no outcome of a sync, with that body as its example. */
const bodyOf = (body: ProblemBody) => ({
  type: 'object',
  required: Object.keys(body),
  properties: Object.fromEntries(
    Object.entries(body).map(([key, example]) => [key, { type: 'string', examples: [example] }]),
  ),
});

const json = (schema: object) => ({ 'application/json': { schema } });

const sectionEntry = {
  description: 'null: not asked. skipped: not attempted. rolled_back: was applied, then undone.',
  oneOf: [
    { type: 'null' },
    {
      type: 'object',
      required: ['status'],
      properties: { status: { enum: ['success', 'rolled_back', 'skipped'] } },
      additionalProperties: false,
    },
    {
      type: 'object',
      required: ['status', 'message'],
      properties: { status: { const: 'error' }, message: { type: 'string' } },
      additionalProperties: false,
    },
  ],
};

const answer = {
  type: 'object',
  required: ['status', 'message', 'payload'],
  additionalProperties: false,
  properties: {
    status: { enum: ['success', 'error', 'skipped'] },
    message: { type: ['string', 'null'] },
    payload: {
      type: 'object',
      required: [...SECTIONS],
      additionalProperties: false,
      properties: Object.fromEntries(
        SECTIONS.map((section) => [section, { $ref: '#/components/schemas/SectionEntry' }]),
      ),
    },
  },
};

const header = (description: string) => ({ description, schema: { type: 'string' } });

const requestId = { 'X-Request-Id': header('The request, in logs, runs and the ledger.') };

const runHeaders = {
  ...requestId,
  'X-Provision-Workflow-Id': header('The workflow of the namespace, `provision:<id>`.'),
  'X-Provision-Run-Id': header('The run of this sync.'),
  'X-Provision-Workflow-Url': header('The run in the Temporal UI.'),
};

const answered = (description: string) => ({
  description,
  headers: runHeaders,
  content: json({ $ref: '#/components/schemas/Answer' }),
});

const problem = (description: string, schema: object) => ({
  description,
  headers: requestId,
  content: json(schema),
});

/** The endpoint as OpenAPI 3.1 (contract 1 and 2), made from the schemas that check requests. */
export function openApiDocument(): object {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Namespace provisioner',
      version: '1',
      description:
        'Provisions a root namespace with everything CustomersDot sold it: one sync, all or nothing.',
    },
    paths: {
      [provisionPath('{id}')]: {
        post: {
          operationId: 'provisionNamespace',
          summary: 'Provision one namespace with one sync',
          security: [{ customersDotToken: [] }],
          parameters: [
            {
              name: 'id',
              in: 'path',
              required: true,
              description: 'Primary key, or URL-encoded full path, of a root namespace.',
              schema: { type: 'string' },
            },
          ],
          requestBody: { required: true, content: json({ $ref: '#/components/schemas/Sync' }) },
          responses: responses(),
        },
      },
    },
    components: {
      securitySchemes: {
        customersDotToken: {
          type: 'apiKey',
          in: 'header',
          name: 'X-Customers-Dot-Internal-Token',
          description:
            'A JWT of the subscription portal: RS256, sub customers-dot-internal-api, aud gitlab-subscriptions.',
        },
      },
      schemas: { Sync: syncSchema(), Answer: answer, SectionEntry: sectionEntry },
    },
  };
}

function syncSchema(): object {
  return {
    type: 'object',
    required: ['provision'],
    properties: {
      provision: provisionJsonSchema(),
      sync_id: {
        type: ['integer', 'null'],
        minimum: 1,
        maximum: Number.MAX_SAFE_INTEGER,
        description: "CustomersDot's id of the sync; a lower one than was admitted before is answered 409.",
      },
    },
  };
}

function responses(): object {
  return {
    200: answered('Every requested section was applied, or nothing was asked.'),
    409: answered('An older sync than one already admitted for this namespace; nothing was written.'),
    422: answered('At least one section was refused.'),
    400: problem('Not a root namespace, or parameters that cannot be read.', {
      oneOf: [
        bodyOf({ message: '400 Bad request - Must be root namespace' }),
        bodyOf({ error: 'provision[base_product][seats] is invalid' }),
      ],
    }),
    401: problem('No valid token.', bodyOf(PROBLEMS.unauthorized.body)),
    404: problem('No such namespace.', bodyOf(PROBLEMS.namespace_refused.body)),
    413: problem('The body is larger than 100 kB.', bodyOf(PROBLEMS.body_too_large.body)),
    415: problem('The body is not JSON.', bodyOf(PROBLEMS.unsupported_media_type.body)),
    500: problem('A bug.', bodyOf(PROBLEMS.internal_error.body)),
    503: {
      description:
        'Still working when the wait ran out, or a dependency is down. The same request may be sent again.',
      headers: { ...runHeaders, 'Retry-After': header('Seconds.') },
      content: json(bodyOf(PROBLEMS.wait_over.body)),
    },
  };
}
