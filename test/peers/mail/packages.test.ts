/** The mail servers of the other tests, by themselves: what fails here is not ours. */
import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { createTestAuthority } from '../../support/certificates.ts';
import { testDirectory } from '../../support/directory.ts';
import { eventually } from '../../network/eventually.ts';
import { run } from '../server-process.ts';
import { startDovecot } from './dovecot.ts';
import { startPostfix } from './postfix.ts';

test('Postfix takes mail and hands it to Dovecot', async (t) => {
  await using dir = await testDirectory();
  await chmod(dir.path, 0o755);
  for (const name of ['postfix', 'dovecot']) await mkdir(join(dir.path, name));
  const authority = await createTestAuthority();
  const tls = await authority.issue(['mx.legacy.test', 'localhost']);
  await using dovecot = await startDovecot({ dir: join(dir.path, 'dovecot'), users: { carol: 'pw' }, tls });
  await using postfix = await startPostfix({
    dir: join(dir.path, 'postfix'),
    domain: 'legacy.test',
    mailboxes: ['carol', 'dave'],
    mailboxTransport: `lmtp:unix:${dovecot.lmtp}`,
    tls,
  });
  const words = ['--server', '127.0.0.1', '--port', String(postfix.port), '--from', 'x@other.test'];
  await run('swaks', [...words, '--to', 'carol@legacy.test', '-tls', '--body', 'over to you']);
  const path = join(dir.path, 'dovecot', 'mail', 'carol', 'Maildir', 'new');
  for (let tries = 0; (await run('sh', ['-c', `cat ${path}/* 2>/dev/null || true`])) === ''; tries++) {
    if (tries > 1000) return t.fail(await postfix.log());
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  t.regex(await run('sh', ['-c', `cat ${path}/*`]), /over to you/);
  // Dovecot has it before Postfix has heard so.
  await eventually('an empty queue', async () => (await postfix.queued()) === 0 || undefined);
  t.is(await postfix.queued(), 0);
});
