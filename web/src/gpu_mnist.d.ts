/**
 * The Rust core as `src/web.rs` exports it: `build.sh` makes the module itself. Strings that go in
 * and out are JSON; what is thrown is one line of text.
 */

export interface Watcher {
  progress(message: string): void;
  epoch(message: string): void;
  /** Resolves when training is to go on: to whether it is to stop. */
  rest(): Promise<boolean>;
}

export class Trainer {
  open(device: string, kernels: string, host: string): Promise<string>;
  builtIn(pictures: number): string;
  files(name: string, names: string[], contents: Uint8Array[]): string;
  train(preset: string, settings: string, started: string, watcher: Watcher): Promise<string>;
  cell(actual: number, predicted: number, limit: number): unknown;
  predict(pixels: Uint8Array, width: number, height: number): Promise<unknown>;
  saveWeights(): Uint8Array<ArrayBuffer>;
  loadWeights(bytes: Uint8Array): Promise<string>;
}

export function reportPanics(report: (text: string) => void): void;

/** Fetches and starts the module; to be called once. */
export default function start(): Promise<unknown>;
