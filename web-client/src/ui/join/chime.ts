// A short sound to try a speaker with, made on the spot: two soft tones.

const TONES_HZ = [523.25, 659.25] as const;
const TONE_SECONDS = 0.35;
const LOUDNESS = 0.2;

/** An audio context that can be sent to a chosen speaker; not in every browser. */
interface Steerable {
  readonly setSinkId: (id: string) => Promise<void>;
}

function isSteerable(value: object): value is Steerable {
  return "setSinkId" in value;
}

/** Plays the chime on a speaker, or on the system's choice where the browser can't be told. */
export async function playChime(speaker: string | null): Promise<void> {
  const context = new AudioContext();
  if (speaker !== null && isSteerable(context)) {
    await context.setSinkId(speaker).catch(() => undefined);
  }
  TONES_HZ.forEach((hz, index) => {
    const from = context.currentTime + index * TONE_SECONDS;
    const tone = new OscillatorNode(context, { type: "sine", frequency: hz });
    const loudness = new GainNode(context, { gain: 0 });
    loudness.gain.setValueAtTime(0, from);
    loudness.gain.linearRampToValueAtTime(LOUDNESS, from + 0.03);
    loudness.gain.linearRampToValueAtTime(0, from + TONE_SECONDS);
    tone.connect(loudness).connect(context.destination);
    tone.start(from);
    tone.stop(from + TONE_SECONDS);
    if (index === TONES_HZ.length - 1) {
      tone.onended = () => void context.close();
    }
  });
}
