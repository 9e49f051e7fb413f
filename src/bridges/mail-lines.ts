/**
 * Lines of mail end with CR LF and nothing else: where two servers disagree about what ends a line, one mail becomes two (SMTP smuggling).
 * Pure.
 */

const cr = 13;
const lf = 10;

/** For the pieces of one mail in order: false from the first piece on in which a CR or an LF stands alone. */
export function createLineCheck(): (piece: Uint8Array) => boolean {
  let open = false;
  let sound = true;
  return (piece) => {
    if (!sound || piece.length === 0) return sound;
    sound = (piece[0] === lf) === open && arePaired(piece, open);
    open = piece[piece.length - 1] === cr;
    return sound;
  };
}

/** Every LF behind a CR, and as many of one as of the other, but for a CR at the end. */
function arePaired(piece: Uint8Array, open: boolean): boolean {
  let ends = 0;
  for (let at = piece.indexOf(lf); at >= 0; at = piece.indexOf(lf, at + 1)) {
    if (at === 0 ? !open : piece[at - 1] !== cr) return false;
    ends++;
  }
  let returns = open ? 1 : 0;
  for (let at = piece.indexOf(cr); at >= 0; at = piece.indexOf(cr, at + 1)) returns++;
  return returns - (piece[piece.length - 1] === cr ? 1 : 0) === ends;
}
