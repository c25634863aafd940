// A real relay (Debian's coturn) on loopback, set up as deploy/turn says, that ends with the test.

import { type ChildProcess, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, freePort } from "./server.ts";

const SECRET = "north-south-east-west";

export class Relay {
  private constructor(
    private readonly port: number,
    private readonly folder: string,
    private readonly child: ChildProcess,
  ) {}

  static async start(): Promise<Relay> {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), "hearken-relay-"));
    let output = "";
    const options = [
      "-n",
      `--listening-port=${port}`,
      "--listening-ip=127.0.0.1",
      "--relay-ip=127.0.0.1",
      "--allow-loopback-peers",
      "--use-auth-secret",
      `--static-auth-secret=${SECRET}`,
      "--realm=test",
      "--fingerprint",
      "--no-tls",
      "--no-dtls",
      "--no-cli",
      "--no-multicast-peers",
      "--log-file=stdout",
      `--pidfile=${join(folder, "pid")}`,
      `--userdb=${join(folder, "db")}`,
    ];
    const child = spawn("turnserver", options, { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (data: Buffer) => {
        output += data.toString();
      });
    }
    child.on("error", (error) => {
      output += String(error);
    });
    const relay = new Relay(port, folder, child);
    try {
      await eventually("the relay answers", async () => {
        if (child.exitCode !== null) {
          throw new Error(output);
        }
        return answers(port);
      });
    } catch (error) {
      await relay.stop();
      throw error;
    }
    return relay;
  }

  /** What the server has to be told. */
  get environment(): Readonly<Record<string, string>> {
    return {
      HEARKEN_TURN_URLS: `turn:127.0.0.1:${this.port}?transport=udp`,
      HEARKEN_TURN_SECRET: SECRET,
    };
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

/** Whether a relay answers a STUN binding request (RFC 8489) within a moment. */
function answers(port: number): Promise<boolean> {
  const request = Buffer.from(`000100002112a442${"07".repeat(12)}`, "hex");
  const socket = createSocket("udp4");
  return new Promise<boolean>((done) => {
    const late = setTimeout(() => done(false), 300);
    socket.once("error", () => done(false));
    socket.once("message", (answer) => {
      clearTimeout(late);
      done(answer.readUInt16BE(0) === 0x0101);
    });
    socket.send(request, port, "127.0.0.1");
  }).finally(() => socket.close());
}
