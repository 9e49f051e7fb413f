/**
 * The HTTPS door for notifications, wire-spec/notification.md section 5: 204 without a body, always and in the same time,
 * whatever was brought.
 */
import type { FastifyInstance } from 'fastify';
import { datagramSizes } from '../wire/registry.ts';
import { requestedDomain } from './domain.ts';
import type { PublicHandlers } from './public-handlers.ts';

const maxDatagram = Math.max(...datagramSizes);

/** How a socket of both IP versions shows IPv4 addresses. */
const mappedPrefix = /^::ffff:(?=\d+\.)/i;

export function addDoor(scope: FastifyInstance, handlers: PublicHandlers): void {
  scope.register(async (door) => {
    door.removeAllContentTypeParsers();
    door.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    door.setErrorHandler(async (_error, _request, reply) => reply.code(204).send());
    door.route({
      method: 'POST',
      url: '/notify',
      bodyLimit: maxDatagram,
      handler: async (request, reply) => {
        const domain = requestedDomain(request, handlers.serves);
        const { body } = request;
        const source = request.ip.replace(mappedPrefix, '');
        // After the answer: how long a datagram takes must not show.
        if (body instanceof Uint8Array)
          reply.raw.once('finish', () =>
            setImmediate(() => handlers.notify(domain, new Uint8Array(body), source)),
          );
        return reply.code(204).send();
      },
    });
  });
}
