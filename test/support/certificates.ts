/** Certificates for real TLS on loopback. */
export { createThrowawayAuthority as createTestAuthority } from '../../src/demo/authority.ts';
export type { IssuedCertificate, ThrowawayAuthority as TestAuthority } from '../../src/demo/authority.ts';
