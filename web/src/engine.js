/** @file The worker as the page sees it: requests that become promises, and events of training. */

/** @import { Answers, Requests, TrainingEvent } from "./protocol.js" */

/** The only way from the page to the network: everything heavy happens behind it. */
export class Engine {
  #worker;
  #next = 1;
  /** Resolves once the newest request is answered: the worker does one thing at a time. */
  #last = Promise.resolve();
  /** @type {Map<number, {resolve: (answer: any) => void, reject: (reason: Error) => void}>} */
  #waiting = new Map();
  /** @type {Error | null} */
  #dead = null;

  #onLost;

  /**
   * @param {(event: TrainingEvent) => void} onEvent Called for each event of a training.
   * @param {() => void} onLost Called when the worker has neither device nor data nor network any more.
   */
  constructor(onEvent, onLost) {
    this.#onLost = onLost;
    this.#worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    this.#worker.onmessage = ({ data }) => {
      if (data.id === undefined) onEvent(data);
      else this.#settle(data);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#die(event.message || "its program could not be loaded");
    };
    this.#worker.onmessageerror = () => this.#die("it sent what could not be read");
  }

  /**
   * Sends a request, after those before it are answered; rejects with the worker's own line when it
   * could not be done.
   * @template {keyof Requests} T
   * @param {T} type
   * @param {Requests[T]} body
   * @param {Transferable[]} [transfer]
   * @returns {Promise<Answers[T]>}
   */
  ask(type, body, transfer = []) {
    // These three are for the training that is under way.
    if (type === "pause" || type === "resume" || type === "stop") return this.#send(type, body, transfer);
    const answer = this.#last.then(() => this.#send(type, body, transfer));
    this.#last = answer.then(nothing, nothing);
    return answer;
  }

  /**
   * @template {keyof Requests} T
   * @param {T} type
   * @param {Requests[T]} body
   * @param {Transferable[]} transfer
   * @returns {Promise<Answers[T]>}
   */
  #send(type, body, transfer) {
    if (this.#dead) return Promise.reject(this.#dead);
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ ...body, type, id }, transfer);
    });
  }

  /** @param {{id: number, ok: boolean, error?: string, lost?: boolean}} answer */
  #settle(answer) {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (answer.lost) this.#onLost();
    if (answer.ok) waiting?.resolve(answer);
    else waiting?.reject(new Error(answer.error ?? "the worker failed without a reason"));
  }

  /** @param {string} reason */
  #die(reason) {
    this.#dead = new Error(`The worker stopped (${reason}). Reload the page to start again.`);
    for (const { reject } of this.#waiting.values()) reject(this.#dead);
    this.#waiting.clear();
  }
}

function nothing() {}
