export { provisionNamespace } from './provisionNamespace';
export { prune } from './prune';
