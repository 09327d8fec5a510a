import { provisionJsonSchema } from '../domain/provision';
import { SECTIONS } from '../domain/sections';

const PATH = '/api/v4/internal/gitlab_subscriptions/namespaces/{id}/provision';

const message = (example: string) => ({
  type: 'object',
  required: ['message'],
  properties: { message: { type: 'string', examples: [example] } },
});

const error = (example: string) => ({
  type: 'object',
  required: ['error'],
  properties: { error: { type: 'string', examples: [example] } },
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
      [PATH]: {
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
        message('400 Bad request - Must be root namespace'),
        error('provision[base_product][seats] is invalid'),
      ],
    }),
    401: problem('No valid token.', message('401 Unauthorized')),
    404: problem('No such namespace.', message('404 Namespace Not Found')),
    413: problem('The body is larger than 100 kB.', error('The body must not be larger than 100kb')),
    415: problem('The body is not JSON.', error('The body must be application/json')),
    500: problem('A bug.', message('500 Internal Server Error')),
    503: {
      description:
        'Still working when the wait ran out, or a dependency is down. The same request may be sent again.',
      headers: { ...runHeaders, 'Retry-After': header('Seconds.') },
      content: json(message('503 Service Unavailable')),
    },
  };
}
