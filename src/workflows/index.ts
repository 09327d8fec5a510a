export { provisionNamespace } from './provisionNamespace';
