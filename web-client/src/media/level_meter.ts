// How loud the own microphone is, for the bar in the device check. Measured on a copy of the way only: what
// is sent does not pass through here.

/** How often listeners hear of it. */
export const LEVEL_EVERY_MS = 66;

/** Speech close to a microphone lies around −20 dBFS; this range spreads it over the bar. */
const LEVEL_DB_MIN = -60;
const LEVEL_DB_MAX = -6;

/** Loudness of samples from −1 to 1, on a scale from 0 to 1. */
export function levelOf(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const db = 10 * Math.log10(sum / Math.max(samples.length, 1) + 1e-12);
  return Math.min(Math.max((db - LEVEL_DB_MIN) / (LEVEL_DB_MAX - LEVEL_DB_MIN), 0), 1);
}

export class LevelMeter {
  readonly #listeners = new Set<(level: number) => void>();
  #track: MediaStreamTrack | null = null;
  #context: AudioContext | null = null;
  #source: MediaStreamAudioSourceNode | null = null;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** Listens until the returned function is called. */
  observe(listener: (level: number) => void): () => void {
    this.#listeners.add(listener);
    this.#restart();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#stop();
    };
  }

  /** Measures another track, or none. */
  setTrack(track: MediaStreamTrack | null): void {
    this.#track = track;
    this.#restart();
  }

  close(): void {
    this.#listeners.clear();
    this.#stop();
    // It may be closed already: nothing is lost.
    this.#context?.close().catch(() => undefined);
    this.#context = null;
  }

  #restart(): void {
    this.#stop();
    if (this.#listeners.size === 0 || this.#track === null) return;
    this.#context ??= new AudioContext();
    const context = this.#context;
    const analyser = context.createAnalyser();
    analyser.fftSize = 1024;
    this.#source = context.createMediaStreamSource(new MediaStream([this.#track]));
    this.#source.connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    this.#timer = setInterval(() => {
      // Before the first click or key the browser keeps it suspended; it is refused quietly until then.
      if (context.state === "suspended") context.resume().catch(() => undefined);
      analyser.getFloatTimeDomainData(samples);
      this.#tell(levelOf(samples));
    }, LEVEL_EVERY_MS);
  }

  #stop(): void {
    clearInterval(this.#timer);
    if (this.#source === null) return;
    this.#source.disconnect();
    this.#source = null;
    this.#tell(0);
  }

  #tell(level: number): void {
    for (const listener of this.#listeners) listener(level);
  }
}
