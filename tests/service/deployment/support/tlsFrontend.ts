import { once } from 'node:events';
import { connect, constants, createSecureServer, type IncomingHttpHeaders } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { generate, type CertificateExtension } from 'selfsigned';

/** TLS in front of a Temporal server, as a production cluster or Temporal Cloud has it: it asks for a certificate. */
export interface TlsFrontend {
  address: string;
  ca: string;
  clientCert: string;
  clientKey: string;
  /** Of each call: who called by certificate, and with which headers. */
  calls: { client: string; headers: IncomingHttpHeaders }[];
  close(): Promise<void>;
}

const CA: CertificateExtension[] = [
  { name: 'basicConstraints', cA: true, critical: true },
  { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
];
const LEAF: CertificateExtension[] = [
  { name: 'basicConstraints', cA: false },
  { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
  { name: 'subjectAltName', altNames: [{ type: 2, value: 'temporal.example' }] },
];

/** @param target `host:port` of a server without TLS */
export async function startTlsFrontend(target: string): Promise<TlsFrontend> {
  const ca = await certificate('Test CA', CA);
  const issuer = { key: ca.private, cert: ca.cert };
  const [own, client] = await Promise.all([
    certificate('temporal.example', LEAF, issuer),
    certificate('provisioner', LEAF, issuer),
  ]);
  const calls: TlsFrontend['calls'] = [];
  const back = connect(`http://${target}`);
  const server = createSecureServer({
    ...{ key: own.private, cert: own.cert, ca: ca.cert },
    ...{ requestCert: true, rejectUnauthorized: true },
  });
  server.on('stream', (near, headers) => {
    const subject = (near.session?.socket as TLSSocket).getPeerCertificate().subject;
    calls.push({ client: String(subject?.CN), headers });
    const far = back.request(headers);
    let trailers = {};
    far.on('trailers', (sent: IncomingHttpHeaders) => (trailers = sent));
    far.on('response', (answer, flags) => {
      const endStream = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
      near.respond(answer, { endStream, waitForTrailers: !endStream });
      far.pipe(near);
    });
    near.on('wantTrailers', () => near.sendTrailers(trailers));
    for (const stream of [near, far]) stream.on('error', () => undefined);
    near.on('close', () => far.close(constants.NGHTTP2_CANCEL));
    near.pipe(far);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    ca: ca.cert,
    clientCert: client.cert,
    clientKey: client.private,
    calls,
    close: async () => {
      server.close();
      back.destroy();
    },
  };
}

function certificate(
  commonName: string,
  extensions: CertificateExtension[],
  ca?: { key: string; cert: string },
) {
  const options = { algorithm: 'sha256', keyType: 'ec', extensions, ...(ca && { ca }) } as const;
  return generate([{ name: 'commonName', value: commonName }], { ...options, extensions });
}
