/** QR codes for terminals. */
import { encodeQR } from 'qr';

/** A text as a QR code of half-block characters, light on dark and with its quiet zone, two rows of it to a line. */
export function qrLines(text: string): readonly string[] {
  return encodeQR(text, 'ascii', { ecc: 'low', border: 2 }).trimEnd().split('\n');
}
