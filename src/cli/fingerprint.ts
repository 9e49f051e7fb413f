/** Identity fingerprints as people see and type them: `id:` in front, because base64url may begin with a hyphen. */

const prefix = 'id:';

export function formatFingerprint(fingerprint: string): string {
  return prefix + fingerprint;
}

/** With or without the prefix, spaces around it or not. */
export function typedFingerprint(typed: string): string {
  const word = typed.trim();
  return word.startsWith(prefix) ? word.slice(prefix.length) : word;
}
