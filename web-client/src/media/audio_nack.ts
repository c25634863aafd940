// Repairs of lost sound (RFC 4585 NACK). Browsers of Chromium's family can ask for lost Opus packets and send
// them again, but only if the offer says so, and no method makes it say so.

/** The offer with repairs for Opus in every section of sound. */
export function withAudioNack(sdp: string): string {
  return sdp.replace(/a=rtpmap:(\d+) opus\/48000\/2\r\n/gi, (line, payloadType: string) => {
    const feedback = `a=rtcp-fb:${payloadType} nack\r\n`;
    return sdp.includes(feedback) ? line : line + feedback;
  });
}
