// End-to-end encryption as a page can do it: an encoded transform on every sender and receiver, AES-GCM with a key
// that never leaves the pages.
//
// What a server has to see stays clear and is authenticated: of a VP8 key frame the first ten bytes (its header and
// size), of another frame three, of Opus one (how long it is). Everything behind them is sealed.

export interface Count {
  opened: number;
  refused: number;
}

/** What became of what arrived. */
export interface DecryptionCounts {
  readonly audio: Count;
  readonly video: Count;
}

declare global {
  var decryptionOfThisTest: DecryptionCounts;
}

/** Runs in the page before its own scripts. `keyHex`: 128 bits. */
export function encryptEverything(keyHex: string): void {
  interface Told {
    readonly kind: "audio" | "video";
    readonly what: keyof Count;
  }
  globalThis.decryptionOfThisTest = {
    audio: { opened: 0, refused: 0 },
    video: { opened: 0, refused: 0 },
  };

  /** The worker's whole program: it is handed over as text. */
  const program = (): void => {
    interface Frame {
      data: ArrayBuffer;
      readonly type?: string;
    }
    interface Transformer {
      readonly readable: ReadableStream<Frame>;
      readonly writable: WritableStream<Frame>;
      readonly options: { side: "seal" | "open"; kind: "audio" | "video"; keyHex: string };
    }
    const NONCE_BYTES = 12;
    const clearBytes = (kind: string, frame: Frame): number =>
      kind === "audio" ? 1 : frame.type === "key" ? 10 : 3;
    const seal = async (
      key: CryptoKey,
      data: Uint8Array<ArrayBuffer>,
      clear: number,
    ): Promise<ArrayBuffer> => {
      const iv = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
      const head = data.subarray(0, clear);
      const algorithm = { name: "AES-GCM", iv, additionalData: head };
      const body = new Uint8Array(await crypto.subtle.encrypt(algorithm, key, data.subarray(clear)));
      const out = new Uint8Array(clear + body.length + NONCE_BYTES);
      out.set(head);
      out.set(body, clear);
      out.set(iv, clear + body.length);
      return out.buffer;
    };
    const open = async (
      key: CryptoKey,
      data: Uint8Array<ArrayBuffer>,
      clear: number,
    ): Promise<ArrayBuffer> => {
      const end = data.length - NONCE_BYTES;
      const head = data.subarray(0, clear);
      const algorithm = { name: "AES-GCM", iv: data.subarray(end), additionalData: head };
      const body = new Uint8Array(await crypto.subtle.decrypt(algorithm, key, data.subarray(clear, end)));
      const out = new Uint8Array(clear + body.length);
      out.set(head);
      out.set(body, clear);
      return out.buffer;
    };
    const worker = globalThis as unknown as {
      onrtctransform: (event: { transformer: Transformer }) => void;
      postMessage: (told: Told) => void;
    };
    worker.onrtctransform = ({ transformer }) => {
      const { side, kind, keyHex: hex } = transformer.options;
      const raw = Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
      const key = crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
      const transform = new TransformStream<Frame, Frame>({
        async transform(frame, controller) {
          const data = new Uint8Array(frame.data);
          const clear = Math.min(clearBytes(kind, frame), data.length);
          try {
            frame.data = await (side === "seal" ? seal : open)(await key, data, clear);
          } catch {
            worker.postMessage({ kind, what: "refused" });
            return;
          }
          if (side === "open") {
            worker.postMessage({ kind, what: "opened" });
          }
          controller.enqueue(frame);
        },
      });
      void transformer.readable.pipeThrough(transform).pipeTo(transformer.writable);
    };
  };

  const worker = new Worker(URL.createObjectURL(new Blob([`(${program.toString()})()`])));
  worker.onmessage = ({ data }: MessageEvent<Told>) => {
    globalThis.decryptionOfThisTest[data.kind][data.what] += 1;
  };
  const addTransceiver = RTCPeerConnection.prototype.addTransceiver;
  RTCPeerConnection.prototype.addTransceiver = function (this: RTCPeerConnection, trackOrKind, init) {
    const transceiver = addTransceiver.call(this, trackOrKind, init);
    const kind = transceiver.receiver.track.kind;
    transceiver.sender.transform = new RTCRtpScriptTransform(worker, { side: "seal", kind, keyHex });
    transceiver.receiver.transform = new RTCRtpScriptTransform(worker, { side: "open", kind, keyHex });
    return transceiver;
  };
  // The bytes left clear are those of VP8. Redundant audio is offered: to leave it out is up to the server.
  const prefer = RTCRtpTransceiver.prototype.setCodecPreferences;
  RTCRtpTransceiver.prototype.setCodecPreferences = function (this: RTCRtpTransceiver, codecs) {
    const kept = ["audio/opus", "audio/red", "video/vp8", "video/rtx"];
    prefer.call(
      this,
      Array.from(codecs).filter((codec) => kept.includes(codec.mimeType.toLowerCase())),
    );
  };
}

/** Runs in the page before its own scripts: its offers say that what it sends is encrypted end to end. */
export function sayThatItIsEncrypted(): void {
  const original = WebSocket.prototype.send;
  WebSocket.prototype.send = function (data) {
    const message: unknown = typeof data === "string" ? JSON.parse(data) : null;
    const isOffer = (message as { type?: string } | null)?.type === "offer";
    const said = isOffer ? JSON.stringify({ ...(message as object), end_to_end_encrypted: true }) : data;
    original.call(this, said);
  };
}
