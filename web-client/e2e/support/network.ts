// Bad networks for real browsers: `netsim-proxy` between a person's browser and the server's media port.

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface, type Interface } from "node:readline";
import { built } from "./programs.ts";

/** What became of the packets of one direction. */
export interface Tally {
  readonly delivered: number;
  readonly lost: number;
  readonly overflowed: number;
}

/** One person's network: what it does is said in the words of the proxy, such as `loss=10 burst=4 delay=20`. */
export interface Leg {
  /** The port on loopback that stands for the server's media port. */
  readonly port: number;
  /** Both directions alike. */
  both(conditions: string): Promise<void>;
  /** From the browser to the server. */
  up(conditions: string): Promise<void>;
  /** From the server to the browser. */
  down(conditions: string): Promise<void>;
  tally(): Promise<{ up: Tally; down: Tally }>;
  /**
   * Its address translation forgets the browser, which comes from another port from now on and does not know it.
   * How many of the browser's sockets that were is the result.
   */
  forget(): Promise<number>;
}

/** The proxy's process; it dies with the test, as its input ends then. */
export class Network {
  private readonly answers: Interface;
  private readonly waiting: ((answer: string) => void)[] = [];

  private constructor(private readonly child: ChildProcess) {
    if (child.stdout === null) {
      throw new Error("the proxy has no output");
    }
    this.answers = createInterface(child.stdout);
    this.answers.on("line", (line) => this.waiting.shift()?.(line));
  }

  static start(seed = 1): Network {
    return new Network(spawn(built("netsim-proxy"), [String(seed)], { stdio: ["pipe", "pipe", "inherit"] }));
  }

  /** A new leg to this UDP port of the server on loopback. */
  async leg(mediaPort: number): Promise<Leg> {
    const [, leg = "", port = ""] = (await this.order(`open 127.0.0.1:${mediaPort}`)).split(" ");
    const set = async (way: "up" | "down", conditions: string): Promise<void> => {
      await this.order(`${way} ${leg} ${conditions}`);
    };
    return {
      port: Number(port),
      both: async (conditions) => {
        await set("up", conditions);
        await set("down", conditions);
      },
      up: (conditions) => set("up", conditions),
      down: (conditions) => set("down", conditions),
      tally: async () => {
        const counts = (await this.order(`tally ${leg}`)).split(" ").slice(2).map(Number);
        const direction = (from: number): Tally => ({
          delivered: counts[from] ?? 0,
          lost: counts[from + 1] ?? 0,
          overflowed: counts[from + 2] ?? 0,
        });
        return { up: direction(0), down: direction(3) };
      },
      forget: async () => {
        const [, , forgotten] = (await this.order(`forget ${leg}`)).split(" ");
        return Number(forgotten);
      },
    };
  }

  private async order(line: string): Promise<string> {
    const answered = new Promise<string>((done) => this.waiting.push(done));
    this.child.stdin?.write(`${line}\n`);
    const answer = await answered;
    if (answer.startsWith("error")) {
      throw new Error(`netsim-proxy: ${answer}`);
    }
    return answer;
  }

  async stop(): Promise<void> {
    const gone = new Promise((done) => this.child.once("exit", done));
    this.child.stdin?.end();
    await gone;
  }
}

/**
 * Runs in the page before its own scripts: whatever address the server announces for media, the browser goes to
 * this port on loopback instead, by UDP.
 */
export function goThrough(port: number): void {
  const original = RTCPeerConnection.prototype.setRemoteDescription;
  const replaced = function (this: RTCPeerConnection, description: RTCSessionDescriptionInit): Promise<void> {
    const lines = (description.sdp ?? "")
      .split("\r\n")
      .filter((line) => !/^a=candidate:\S+ \d+ tcp /i.test(line))
      .map((line) => line.replace(/^(a=candidate:\S+ \d+ udp \d+) \S+ \d+/i, `$1 127.0.0.1 ${port}`));
    const changed = { type: description.type, sdp: lines.join("\r\n") };
    return Reflect.apply(original, this, [changed]);
  };
  RTCPeerConnection.prototype.setRemoteDescription = replaced as typeof original;
}

/**
 * Runs in the page before its own scripts: a firewall that lets no UDP through. The server's UDP addresses stay in
 * its answer and are tried, but lead into this port on loopback, which loses everything; TCP is as it was.
 */
export function loseUdpIn(port: number): void {
  const original = RTCPeerConnection.prototype.setRemoteDescription;
  const replaced = function (this: RTCPeerConnection, description: RTCSessionDescriptionInit): Promise<void> {
    const sdp = (description.sdp ?? "").replace(
      /^(a=candidate:\S+ \d+ udp \d+) \S+ \d+/gim,
      `$1 127.0.0.1 ${port}`,
    );
    return Reflect.apply(original, this, [{ type: description.type, sdp }]);
  };
  RTCPeerConnection.prototype.setRemoteDescription = replaced as typeof original;
}
