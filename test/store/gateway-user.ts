/** An enrolled user with one device, for tests of what belongs to users. */
import type { Owner } from '../../src/store/api/terms.ts';
import type { Store } from '../../src/store/api/store.ts';
import { filled, start } from './fixture.ts';

export const alpha = 'alpha.test';

export async function enrolledUser(store: Store, { domain, user }: Owner): Promise<void> {
  await store.domains.add(domain);
  const tokenHash = filled(9);
  await store.users.invite(domain, { addressHash: user, local: 'bob', tokenHash, expires: start + 9 });
  const enrolment = { tokenHash, device: filled(5), record: filled(6, 300), now: start };
  await store.users.enroll(domain, user, enrolment);
}
