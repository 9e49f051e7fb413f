/** Chapters 1 and 2: domains are set up, users enrol. */
import type { Hoster, Person } from './cast.ts';
import { short } from './narrate.ts';
import type { Play } from './play.ts';

const shownFingerprint = 13;

/** Processes, certificates, ports and DNS. */
export async function playStage({ stage, narrator, alpha, beta }: Play): Promise<void> {
  narrator.line(
    "Beckon: a message stays at its sender's domain; one small datagram says so; the recipient fetches it.",
  );
  narrator.chapter('1  The stage: two domains, and one that has mail only; all on this machine');
  narrator.tell('dns', `a DNS server at ${stage.dns.address}: legacy.test has an MX record and nothing else`);
  narrator.step('beckon init');
  await Promise.all(
    [alpha, beta].map(async ({ name, domain, init }) => {
      const fingerprint = short(await init(), shownFingerprint);
      narrator.tell(name, `beckon init ${domain}: wrote beckon.toml and keys; fingerprint ${fingerprint}`);
    }),
  );
  narrator.step('beckon serve');
  await Promise.all(
    [alpha, beta].map(async ({ name, serve }) => {
      const { pid, ports } = await serve();
      narrator.tell(name, `beckon serve: process ${pid}, own store, https ${ports.https}, udp ${ports.udp}`);
    }),
  );
  narrator.tell('wire', 'a forwarder stands before both: it sees what anyone on the path sees');
  narrator.tell('dns', 'now has what init said to add: SRV (where), TXT (fingerprint), CNAME (name for TLS)');
}

/** Invitations and enrolment. */
export async function playUsers({ narrator, alpha, beta, alice, bob }: Play): Promise<void> {
  narrator.chapter('2  The users: invited by their hosters, keys made by their own clients');
  const pairs: readonly (readonly [Hoster, Person])[] = [
    [alpha, alice],
    [beta, bob],
  ];
  narrator.step('beckon user add, beckon enroll');
  await Promise.all(
    pairs.map(async ([hoster, { name, address, enroll }]) => {
      const invitation = await hoster.invite(address);
      narrator.tell(hoster.name, `beckon user add ${address}: an invitation`);
      const fingerprint = short((await enroll(invitation)).fingerprint, shownFingerprint);
      narrator.tell(name, `beckon enroll: ${hoster.name} publishes the public keys; identity ${fingerprint}`);
    }),
  );
}
