/** Why somebody cannot be written to now, in words: what the directory gives is for programs. */
const words: Readonly<Record<string, string>> = {
  alias_loop: 'the DNS records of the domain lead in a circle',
  by_mail: 'their domain says that this address takes mail only',
  accepted: 'you said that mail will do',
  domain: 'this domain takes mail only',
  domain_identity_changed: 'their domain has another identity than before',
  user_identity_changed: 'they have another identity than before',
  user_suite_changed: 'they have weaker keys than before',
  fingerprint_mismatch: 'their domain shows another identity than before, and nothing confirms it',
  foreign_answer: 'what answers there is not Beckon',
  http_404: 'their domain does not serve that name there',
  lame: 'the DNS servers of the domain do not know it',
  legacy_contradicted:
    'DNS says that the domain takes mail only, and the domain itself says otherwise: somebody may be tampering with DNS',
  legacy_unconfirmed:
    'DNS says that the domain takes mail only, and the domain itself did not answer: nothing is sent in clear text before it does',
  mail_asked:
    'takes mail only, which is clear text on its way: --mail sends it so, "beckon trust mail DOMAIN allow" says it for good',
  mail_refused: 'takes mail only, and you said that nothing goes to their domain in clear text',
  no_bridge: 'takes mail only, and your domain sends none',
  left: 'their domain has left Beckon, and signed that',
  malformed: 'DNS gives broken answers',
  mx_malformed: 'the MX records of the domain are broken',
  native_now: 'takes messages without mail by now: send it anew',
  network_failed: 'their domain does not answer',
  network_refused: 'their domain is at an address that is not dialled',
  no_mail: 'the domain takes neither messages nor mail',
  no_such_domain: 'there is no such domain',
  no_such_user: 'there is no such user',
  not_active: 'their domain does not list this user as active now',
  not_served: 'their domain does not serve this user now',
  null_mx: 'the domain says that it takes no mail',
  pinned_native: 'the domain had Beckon when it was last asked, and DNS does not show it now',
  record_expired: 'the keys that their domain shows have expired, or a clock is wrong',
  record_invalid: 'the keys that their domain shows do not verify, or the clock of this machine is wrong',
  record_rollback: 'their domain shows older keys than before',
  refused: 'DNS refuses to answer',
  servfail: 'DNS does not know for certain: a server of the domain fails, or signatures do not hold',
  srv_malformed: 'the SRV record of the domain is broken',
  timeout: 'DNS does not answer in time',
  tls_failed: 'the certificate of their domain does not hold, or the clock of this machine is wrong',
  txt_absent: 'the TXT record with the fingerprint of the domain is missing',
  txt_ambiguous: 'the TXT records of the domain contradict one another',
  txt_malformed: 'the TXT record of the domain is broken',
  txt_missing: 'the TXT record with the fingerprint of the domain is missing',
  unreachable: 'DNS does not answer',
  user_gone: 'this user left',
};

/** What is in words already stays. */
export function reasonInWords(reason: string): string {
  return words[reason] ?? reason;
}

/** Of a message that ends with a colon and such a reason. */
export function messageInWords(message: string): string {
  return message.replace(/(?<=: )[a-z0-9_]+$/, reasonInWords);
}
