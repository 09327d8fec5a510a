export function openApiDocument() { return {}; }
