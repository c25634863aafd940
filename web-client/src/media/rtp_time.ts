// RTP timestamps: 32 bits that wrap round, so "later" is a matter of the shorter way (RFC 1982, section 3.2).

/** Whether a timestamp is the given one or comes after it. */
export function isNotOlder(timestamp: number, than: number): boolean {
  return ((timestamp - than) | 0) >= 0;
}
