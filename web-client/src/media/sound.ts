// Plays what the others say: one audio element per section that carries sound. An element needs no place in
// the page. Where the browser holds sound back until the person does something (typically after a reload),
// `blocked` is reported, and `resume`, called in a click, lets it all sound.

export interface SoundSource {
  readonly mid: string;
  readonly track: MediaStreamTrack;
}

export class SoundOutput {
  readonly #elements = new Map<string, HTMLAudioElement>();
  #blocked = false;
  #speaker = "";

  constructor(
    private readonly onBlocked: (blocked: boolean) => void,
    private readonly createElement: () => HTMLAudioElement = () => new Audio(),
  ) {}

  /** Whether the browser lets a page choose where sound goes. */
  static canChooseSpeaker(): boolean {
    return "setSinkId" in HTMLMediaElement.prototype;
  }

  /** Plays exactly these. */
  play(sources: readonly SoundSource[]): void {
    const wanted = new Map(sources.map((source) => [source.mid, source.track]));
    for (const [mid, element] of this.#elements) {
      if (trackOf(element) !== wanted.get(mid)) {
        element.pause();
        element.srcObject = null;
        this.#elements.delete(mid);
      }
    }
    for (const [mid, track] of wanted) {
      if (!this.#elements.has(mid)) this.#add(mid, track);
    }
  }

  /** Tries again to play what was held back. */
  resume(): void {
    this.#setBlocked(false);
    for (const element of this.#elements.values()) this.#start(element);
  }

  /** Sends all sound to a device; the empty id is the system's choice. */
  chooseSpeaker(deviceId: string): void {
    this.#speaker = deviceId;
    for (const element of this.#elements.values()) this.#direct(element);
  }

  close(): void {
    this.play([]);
    this.#setBlocked(false);
  }

  #add(mid: string, track: MediaStreamTrack): void {
    const element = this.createElement();
    element.autoplay = true;
    element.srcObject = new MediaStream([track]);
    this.#elements.set(mid, element);
    if (this.#speaker !== "") this.#direct(element);
    this.#start(element);
  }

  #start(element: HTMLAudioElement): void {
    element.play().catch((error: unknown) => {
      // Any other failure means that the element was emptied before it could start.
      if (error instanceof DOMException && error.name === "NotAllowedError") this.#setBlocked(true);
    });
  }

  #direct(element: HTMLAudioElement): void {
    // A speaker that has just been unplugged is refused: the sound stays where it is.
    if ("setSinkId" in element) element.setSinkId(this.#speaker).catch(() => undefined);
  }

  #setBlocked(blocked: boolean): void {
    if (this.#blocked === blocked) return;
    this.#blocked = blocked;
    this.onBlocked(blocked);
  }
}

function trackOf(element: HTMLAudioElement): MediaStreamTrack | undefined {
  return element.srcObject instanceof MediaStream ? element.srcObject.getAudioTracks()[0] : undefined;
}
