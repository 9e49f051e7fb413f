/**
 * Loaded before everything else: the process dies, as by kill -9, at its nth step from when the file BECKON_TEST_DIE holds n. A step is a change of the
 * store, just before it begins or just after it is on disk: what happened outside in between is known to nobody who survives.
 */
import { registerHooks } from 'node:module';

registerHooks({
  resolve(specifier, context, next) {
    const isEngine = specifier === 'lmdb' && context.parentURL?.endsWith('/src/store/engine.ts') === true;
    return next(isEngine ? new URL('dying-lmdb.ts', import.meta.url).href : specifier, context);
  },
});
