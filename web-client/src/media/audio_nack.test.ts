import { expect, test } from "vitest";
import { withAudioNack } from "./audio_nack";

const OFFER =
  "m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:63 red/48000/2\r\n" +
  "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\n" +
  "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\n";

test("every section of sound asks for repairs of Opus, and nothing else changes", () => {
  const sdp = withAudioNack(OFFER);
  expect(sdp.match(/a=rtcp-fb:111 nack\r\n/g)).toHaveLength(2);
  expect(sdp.replaceAll("a=rtcp-fb:111 nack\r\n", "")).toBe(OFFER);
});

test("an offer that has them already stays as it is", () => {
  const sdp = withAudioNack(OFFER);
  expect(withAudioNack(sdp)).toBe(sdp);
});
