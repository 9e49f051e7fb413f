/** CORS: any origin, no credentials, wire-spec/fetch.md section 1. */
import type { FastifyInstance } from 'fastify';

const exposed = 'accept-ranges, content-length, content-range, etag, retry-after';
const preflight = {
  'access-control-allow-methods': 'GET, HEAD, POST, PUT',
  'access-control-allow-headers':
    'content-digest, content-type, if-none-match, if-range, range, signature, signature-input',
  'access-control-max-age': '86400',
};

/** For all routes of a scope, unknown ones included. */
export function addCors(scope: FastifyInstance): void {
  scope.addHook('onRequest', (_request, reply, done) => {
    void reply.header('access-control-allow-origin', '*').header('access-control-expose-headers', exposed);
    done();
  });
  scope.options('/*', async (_request, reply) => reply.code(204).headers(preflight).send());
}
