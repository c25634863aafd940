// Brings the sections' media to where it is seen and heard: videos to the elements of the tiles, each behind
// its gate, sound to the loudspeaker. The only place that joins people, sections and elements.

import type { PeerLink } from "./peer_link";
import type { SoundOutput, SoundSource } from "./sound";
import { VideoGate, type VideoShown, type VideoSource } from "./video_gate";
import type { VideoTarget, ViewReporter } from "./view";

interface Seat {
  readonly target: VideoTarget;
  readonly gate: VideoGate;
}

export class Stage {
  readonly #seats = new Set<Seat>();

  constructor(
    private readonly peer: PeerLink,
    private readonly sound: SoundOutput,
    private readonly view: ViewReporter,
  ) {}

  /** Shows a video in an element until the returned function is called. */
  attach(element: HTMLVideoElement, target: VideoTarget, onShown: (shown: VideoShown) => void): () => void {
    element.muted = true;
    element.playsInline = true;
    const seat: Seat = { target, gate: new VideoGate(element, onShown) };
    this.#seats.add(seat);
    const leaveView = this.view.add(element, target);
    seat.gate.show(this.#find(target));
    return () => {
      this.#seats.delete(seat);
      leaveView();
      seat.gate.close();
    };
  }

  /** The sections carry something else than before. */
  update(): void {
    // First every element that loses its section is emptied, then the others are filled: no track is ever in
    // two elements under two names.
    const found = [...this.#seats].map((seat) => ({ seat, source: this.#find(seat.target) }));
    for (const { seat, source } of found) if (source === null) seat.gate.show(null);
    for (const { seat, source } of found) seat.gate.show(source);
    this.sound.play(this.#sounds());
  }

  #find(target: VideoTarget): VideoSource | null {
    const assignment = this.peer.slots.find(target.participant, target.source);
    const receiver = assignment === null ? null : this.peer.receiver(assignment.mid);
    if (assignment === null || receiver === null) return null;
    return {
      track: receiver.track,
      generation: assignment.generation,
      firstRtpTimestamp: assignment.content.first_rtp_timestamp,
      newestRtpTimestamp: () => receiver.getSynchronizationSources()[0]?.rtpTimestamp ?? null,
    };
  }

  #sounds(): SoundSource[] {
    const sounds: SoundSource[] = [];
    for (const { mid, content } of this.peer.slots.assignments()) {
      if (content.source !== "microphone" && content.source !== "screen_audio") continue;
      const receiver = this.peer.receiver(mid);
      if (receiver !== null) sounds.push({ mid, track: receiver.track });
    }
    return sounds;
  }
}
