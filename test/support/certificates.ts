/** Certificates for real TLS on loopback. */
import { createThrowawayAuthority } from '../../src/demo/authority.ts';
export type { IssuedCertificate, ThrowawayAuthority as TestAuthority } from '../../src/demo/authority.ts';

/** Valid for decades unless told: the clocks of tests begin in 2027, and years pass on them. */
export const createTestAuthority = (days = 20_000) => createThrowawayAuthority(days);
