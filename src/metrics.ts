/**
 * What is counted for Prometheus. Events are counted and named, people and domains are not: no label may hold an
 * address, an id, or the name of a domain.
 */
import { Counter, Gauge, Registry } from 'prom-client';

/** A count that only rises. */
export interface Count {
  inc(by?: number): void;
}

/** Counts told apart by labels. */
export interface LabelledCount<Label extends string> {
  inc(labels: Readonly<Record<Label, string>>, by?: number): void;
}

/** A value as it is now. */
export interface Level {
  set(value: number): void;
}

export interface Metrics {
  /** Datagrams received, by what became of them: `stored`, or the error code they were dropped with. */
  readonly datagrams: LabelledCount<'outcome'>;
  /** Refs newly in the pending table. */
  readonly refs: Count;
  /** Turns of the sending pipeline, by channel (`udp`, `door`) and outcome (`sent`, `failed`). */
  readonly notifications: LabelledCount<'channel' | 'outcome'>;
  /** Attempts to pull a message for a user, by outcome (`pulled`, `refused`, `later`, `ended`). */
  readonly pulls: LabelledCount<'outcome'>;
  /** Messages committed by own users. */
  readonly submissions: Count;
  /** Mails by recipient, by where they came in (`smtp`, `lmtp`) and what became of them (`taken`, `later`, `refused`). */
  readonly mails: LabelledCount<'door' | 'outcome'>;
  /** Payloads fetched to their end. */
  readonly fetches: Count;
  /** Bytes of payloads handed to the network. */
  readonly bytesServed: Count;
  /** Messages in the transit store, and their bytes. */
  readonly waiting: Level;
  readonly waitingBytes: Level;
  /** Watches that are open. */
  readonly watchers: Level;
  /** Tries of mail over SMTP, by outcome of each recipient: `sent`, `later`, `failed`. */
  readonly mailOut: LabelledCount<'outcome'>;
  /** Mails that wait to leave over SMTP. */
  readonly mailQueue: Level;
  /** The counts told apart by one label, as they stand: for `beckon status`. */
  datagramOutcomes(): Promise<Readonly<Record<string, number>>>;
  /** All of it in the text format of Prometheus. */
  page(): Promise<MetricsPage>;
}

export interface MetricsPage {
  readonly contentType: string;
  readonly text: string;
}

/** Metrics of one daemon: nothing is shared between two of them in one process. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const count = (name: string, help: string): Count => {
    const counter = new Counter({ name: `beckon_${name}_total`, help, registers });
    return { inc: (by = 1) => counter.inc(by) };
  };
  const level = (name: string, help: string): Level => {
    const gauge = new Gauge({ name: `beckon_${name}`, help, registers });
    return { set: (value) => gauge.set(value) };
  };
  const labelled = <Label extends string>(name: string, help: string, labelNames: Label[]) =>
    new Counter({ name: `beckon_${name}_total`, help, labelNames, registers });

  const datagrams = labelled('datagrams', 'Datagrams received, by outcome', ['outcome']);
  const notifications = labelled('notifications', 'Notifications sent', ['channel', 'outcome']);
  const mails = labelled('mails', 'Mails that came in, by recipient', ['door', 'outcome']);
  const pulls = labelled('pulls', 'Attempts to pull a message for a user, by outcome', ['outcome']);
  const mailOut = labelled('mail_out', 'Tries of mail over SMTP, by outcome of each recipient', ['outcome']);
  return {
    datagrams: { inc: (labels, by = 1) => datagrams.inc(labels, by) },
    refs: count('refs', 'References newly stored'),
    notifications: { inc: (labels, by = 1) => notifications.inc(labels, by) },
    pulls: { inc: (labels, by = 1) => pulls.inc(labels, by) },
    submissions: count('submissions', 'Messages committed by own users'),
    mails: { inc: (labels, by = 1) => mails.inc(labels, by) },
    fetches: count('fetches', 'Payloads fetched to their end'),
    bytesServed: count('bytes_served', 'Bytes of payloads handed to the network'),
    waiting: level('waiting_messages', 'Messages in the transit store'),
    waitingBytes: level('waiting_bytes', 'Bytes that wait: messages, uploads, mail'),
    watchers: level('watchers', 'Watches that are open'),
    mailOut: { inc: (labels, by = 1) => mailOut.inc(labels, by) },
    mailQueue: level('mail_queue', 'Mails that wait to leave over SMTP'),
    async datagramOutcomes() {
      const { values } = await datagrams.get();
      return Object.fromEntries(values.map(({ labels, value }) => [labels.outcome ?? '', value]));
    },
    async page() {
      return { contentType: registry.contentType, text: await registry.metrics() };
    },
  };
}
