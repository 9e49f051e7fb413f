/** Identity fingerprints as people see them: `id:` in front, because base64url may begin with a hyphen. */

const prefix = 'id:';

export function formatFingerprint(fingerprint: string): string {
  return prefix + fingerprint;
}
