import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

// A receiver of webhooks that reads each to its end and takes it. It says where it is as the bench's services do.
const server = createServer((req, res) => {
  req.resume().on('end', () => res.writeHead(204).end());
});
server.listen(0, '127.0.0.1', () => {
  console.error(`API http://127.0.0.1:${(server.address() as AddressInfo).port} `);
});
process.on('SIGTERM', () => process.exit(0));
