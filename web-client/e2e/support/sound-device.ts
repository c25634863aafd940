// A loudspeaker for browsers that play nothing without one: Debian's PulseAudio with a sink that swallows all sound,
// reachable by a socket in a folder of its own, which ends with the test.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "./server.ts";

export class SoundDevice {
  private constructor(
    private readonly folder: string,
    private readonly child: ChildProcess,
  ) {}

  static async start(): Promise<SoundDevice> {
    const folder = mkdtempSync(join(tmpdir(), "hearken-sound-"));
    let output = "";
    const options = [
      "--daemonize=no",
      "--exit-idle-time=-1",
      "--disable-shm=yes",
      "-n",
      "--load=module-null-sink rate=48000",
      `--load=module-native-protocol-unix socket=${join(folder, "native")} auth-anonymous=1`,
    ];
    const environment = {
      ...process.env,
      HOME: folder,
      PULSE_RUNTIME_PATH: folder,
      PULSE_STATE_PATH: folder,
    };
    const child = spawn("pulseaudio", options, { stdio: ["ignore", "ignore", "pipe"], env: environment });
    child.stderr?.on("data", (data: Buffer) => {
      output += data.toString();
    });
    child.on("error", (error) => {
      output += String(error);
    });
    const device = new SoundDevice(folder, child);
    try {
      await eventually("there is a loudspeaker", async () => {
        if (child.exitCode !== null) {
          throw new Error(output);
        }
        return existsSync(join(folder, "native"));
      });
    } catch (error) {
      await device.stop();
      throw error;
    }
    return device;
  }

  /** What a browser has to be told. */
  get environment(): Readonly<Record<string, string>> {
    return { PULSE_SERVER: `unix:${join(this.folder, "native")}` };
  }

  async stop(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const gone = new Promise((done) => this.child.once("exit", done));
      this.child.kill("SIGKILL");
      await gone;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}
